"""Asks `/livez` again and again from a process of its own, and tells how long answers took.

Run as a program with a port and the gateway's process id; it stops when its input ends and prints
milliseconds: how long each answer took, and how much of that neither of the two stood in line for
a processor, which is the machine's doing.
"""

import asyncio
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

ASK = b"GET /livez HTTP/1.1\r\nHost: gateway\r\n\r\n"


class Lag:
    """Milliseconds in their order of size: as a client sees them, and without the waits for a processor."""

    def __init__(self) -> None:
        self.took: list[float] = []
        self.own: list[float] = []


@asynccontextmanager
async def lag(port: int, pid: int) -> AsyncIterator[Lag]:
    """Measure beside something else; there are figures when it is over."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        str(port),
        str(pid),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    found = Lag()
    try:
        yield found
    finally:
        out, _ = await process.communicate(b"")
        pairs = [line.split() for line in out.splitlines()]
        found.took += sorted(float(took) for took, _ in pairs)
        found.own += sorted(float(own) for _, own in pairs)


def is_whole(answer: bytes) -> bool:
    head, found, body = answer.lower().partition(b"\r\n\r\n")
    length = head.partition(b"content-length: ")[2].split(b"\r\n")[0]
    return bool(found) and len(body) >= int(length)


def main() -> None:
    stop = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        stop.set()

    threading.Thread(target=wait, daemon=True).start()
    probe = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    waits = [Path(f"/proc/{pid}/schedstat") for pid in (sys.argv[2], "self")]
    took: list[tuple[float, float]] = []
    while not stop.is_set():
        waited = _waited_s(waits)
        began = time.perf_counter()
        probe.sendall(ASK)
        answer = b""
        while not is_whole(answer):
            answer += probe.recv(65536)
        seconds = time.perf_counter() - began
        took.append((seconds, max(seconds - _waited_s(waits) + waited, 0.0)))
        if len(took) == 1:
            print("ready", flush=True)
        time.sleep(0.002)
    print("\n".join(f"{each * 1000:.3f} {own * 1000:.3f}" for each, own in took))


def _waited_s(files: list[Path]) -> float:
    """Seconds that the main threads were ready to run and did not (proc(5), schedstat)."""
    return sum(int(file.read_text().split()[1]) for file in files) / 1e9


if __name__ == "__main__":
    main()
