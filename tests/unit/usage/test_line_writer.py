"""Lines go out in order; a reader who stops stops nobody."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from select import PIPE_BUF

import pytest

from hx_gateway.usage.line_writer import LineWriter, whole_lines


class Pipe:
    """A pipe that is read only when a test says so."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self._open = {self.reader, self.writer}

    def close(self, *fds: int) -> None:
        for fd in self._open & set(fds):  # closing twice would hit whoever has the number now
            os.close(fd)
        self._open -= set(fds)

    def read_all(self) -> bytes:
        self.close(self.writer)
        found = b""
        while chunk := os.read(self.reader, 65536):
            found += chunk
        return found


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close(made.reader, made.writer)


def unchanged(line: bytes) -> bytes:
    return line


def test_lines_go_out_in_order_and_cleaned(pipe: Pipe) -> None:
    writer = LineWriter(pipe.writer, lambda line: line.replace(b"secret", b"***"))
    for n in range(1000):
        writer.put(b"%d secret" % n)
    writer.close()
    assert pipe.read_all().decode().splitlines() == [f"{n} ***" for n in range(1000)]
    assert writer.lost == 0


def test_a_pipe_that_nobody_reads_loses_lines_and_holds_nobody_up(pipe: Pipe) -> None:
    writer = LineWriter(pipe.writer, unchanged, max_waiting=100, gather_s=0.0)
    began = time.monotonic()
    for _ in range(20_000):
        writer.put(b"x" * 100)
    assert time.monotonic() - began < 20.0
    assert writer.lost > 0
    writer.close(timeout_s=0.05)
    assert time.monotonic() - began < 30.0
    pipe.close(pipe.reader)  # lets the thread go


def test_a_closed_pipe_is_counted_not_raised(pipe: Pipe) -> None:
    pipe.close(pipe.reader)
    writer = LineWriter(pipe.writer, unchanged, gather_s=0.0)
    writer.put(b"a")
    writer.close()
    assert writer.lost == 1


def test_a_gap_is_told_in_the_log_itself(pipe: Pipe) -> None:
    writer = LineWriter(pipe.writer, unchanged)
    writer.lost += 1
    writer.put(b"next")
    writer.close()
    line, notice = pipe.read_all().splitlines()
    assert line == b"next"
    assert b'"log_lines_lost","total":1' in notice


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        (b"", [b""]),
        (b"ab\ncd\n", [b"ab\ncd\n"]),
        (b"ab\ncd\nef\ngh\n", [b"ab\ncd\n", b"ef\ngh\n"]),
        (b"ab\nmuch too long\ncd\n", [b"ab\n", b"much too long\n", b"cd\n"]),
        (b"no end at all", [b"no end at all"]),
    ],
)
def test_lines_are_cut_apart_and_never_through(text: bytes, pieces: list[bytes]) -> None:
    assert list(whole_lines(text, 6)) == pieces


@pytest.mark.parametrize("is_shared", [True, False])
def test_where_others_write_too_a_write_is_whole_lines_that_the_kernel_keeps_together(
    is_shared: bool,
) -> None:
    """Symptom: lines of two processes within each other. A packet is what one write wrote."""
    lines = [b"%04d" % n + b"x" * 400 for n in range(50)]
    reader, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with reader, end:
        all_wait = threading.Event()

        def clean(data: bytes) -> bytes:
            assert all_wait.wait(30.0)
            return data

        writer = LineWriter(end.fileno(), clean, is_shared=is_shared)
        for line in lines:
            writer.put(line)
        all_wait.set()
        packets: list[bytes] = []
        while b"".join(packets).count(b"\n") < len(lines):
            packets.append(reader.recv(1_000_000))
        writer.close()
    assert b"".join(packets).split() == lines
    assert all(packet.endswith(b"\n") for packet in packets)
    if is_shared:
        assert max(map(len, packets)) <= PIPE_BUF
    else:  # the control: many lines at once, which a pipe may tear apart
        assert max(map(len, packets)) > PIPE_BUF
