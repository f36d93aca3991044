"""Asks `/livez` again and again from a process of its own, and tells how long answers took.

Run as a program with a port; it stops when its input ends and prints milliseconds, one a line.
"""

import asyncio
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

ASK = b"GET /livez HTTP/1.1\r\nHost: gateway\r\n\r\n"


@asynccontextmanager
async def lag(port: int) -> AsyncIterator[list[float]]:
    """Measure beside something else: milliseconds in their order of size, when it is over."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        str(port),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    took: list[float] = []
    try:
        yield took
    finally:
        out, _ = await process.communicate(b"")
        took += sorted(float(line) for line in out.split())


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
    took: list[float] = []
    while not stop.is_set():
        began = time.perf_counter()
        probe.sendall(ASK)
        answer = b""
        while not is_whole(answer):
            answer += probe.recv(65536)
        took.append(time.perf_counter() - began)
        if len(took) == 1:
            print("ready", flush=True)
        time.sleep(0.002)
    print("\n".join(f"{each * 1000:.2f}" for each in took))


if __name__ == "__main__":
    main()
