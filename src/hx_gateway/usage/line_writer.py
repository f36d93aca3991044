"""Write lines to a file descriptor from a thread of their own; a reader who stops stops nobody."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from select import PIPE_BUF  # what goes into a pipe in one piece, pipe(7)

MAX_WAITING = 10_000
# Lines of this time go out in one write: each time the thread wakes it takes the interpreter's lock
# from the event loop.
_GATHER_S = 0.1


class LineWriter:
    """A bounded queue of lines and the thread that writes them.

    `put` never waits: when the queue is full (a log pipe that nobody reads) the line is lost and
    counted. The thread does nothing but wait and write: Python that runs in it would hold the event
    loop up by whole switch intervals (5 ms).
    """

    def __init__(
        self,
        fd: int,
        clean: Callable[[bytes], bytes],
        *,
        max_waiting: int = MAX_WAITING,
        gather_s: float = _GATHER_S,
        is_shared: bool = False,
    ) -> None:
        """`clean` sees everything that is about to be written.

        `is_shared`: other processes write there too, so write only what the kernel keeps together.
        """
        self._fd = fd
        self._clean = clean
        self._max_waiting = max_waiting
        self._gather_s = gather_s
        self._is_shared = is_shared
        self._waiting: deque[bytes] = deque()
        self._wake = threading.Event()
        self._closing = False
        self.lost = 0
        self._told = 0
        # A daemon: a write that hangs must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def put(self, line: bytes) -> None:
        """Queue a line, without its end."""
        if len(self._waiting) >= self._max_waiting:
            self.lost += 1
            return
        self._waiting.append(line)
        if not self._wake.is_set():
            self._wake.set()

    def put_all(self, lines: list[bytes]) -> None:
        """Queue several lines."""
        if len(self._waiting) + len(lines) > self._max_waiting:
            for line in lines:
                self.put(line)
            return
        self._waiting.extend(lines)
        if not self._wake.is_set():
            self._wake.set()

    def close(self, timeout_s: float = 1.0) -> None:
        """Write what waits and stop; gives up when the reader takes nothing."""
        self._closing = True
        self._wake.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not (self._closing and not self._waiting):
            self._wake.wait()
            self._wake.clear()
            self._write_waiting()
            if not self._closing:
                time.sleep(self._gather_s)

    def _write_waiting(self) -> None:
        while self._waiting:
            lines: list[bytes] = []
            while self._waiting and len(lines) < 256:
                lines.append(self._waiting.popleft())
            lines.append(self._lost_notice())
            data = self._clean(b"\n".join(lines))
            pieces = whole_lines(data, PIPE_BUF) if self._is_shared else (data,)
            if not all(map(self._write, pieces)):
                self.lost += len(lines) - 1

    def _lost_notice(self) -> bytes:
        """Say in the log itself that it has a gap."""
        if self.lost == self._told:
            return b""
        self._told = self.lost
        return b'{"level":"warning","event":"log_lines_lost","total":%d}\n' % self._told

    def _write(self, data: bytes) -> bool:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except OSError:  # closed pipe, full disk: a log is the first thing to go without
                return False
        return True


def whole_lines(data: bytes, most: int) -> Iterator[bytes]:
    """Cut after lines, into pieces of at most `most` bytes; a longer line is a piece of its own."""
    begin = 0
    while len(data) - begin > most:
        end = data.rfind(b"\n", begin, begin + most) + 1 or data.find(b"\n", begin) + 1
        if not end:
            break
        yield data[begin:end]
        begin = end
    yield data[begin:]
