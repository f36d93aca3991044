"""The client of the streaming measurements: many streams at once, counted, not understood.

    python bench/streams.py URL STREAMS SECONDS MODEL [KEY]

prints one JSON line: streams and events that arrived, and the time to the first byte.
With SECONDS 0 it opens the streams, prints the line after the first byte of each, and holds them
until its standard input ends.
"""

import asyncio
import json
import sys
import time
from urllib.parse import urlsplit

import uvloop
from question import PACE_S, body_of


class Stream(asyncio.Protocol):
    """One connection that asks again and again for a stream, until told to stop."""

    def __init__(self, request: bytes, tally: "Tally") -> None:
        self.request = request
        self.tally = tally

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        self.asked_at = time.perf_counter()
        self.first = True
        self.tail = b""
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        if self.first:
            self.first = False
            self.tally.first_bytes.append(time.perf_counter() - self.asked_at)
            if not data.startswith(b"HTTP/1.1 200"):
                self.tally.failed(data)
                self.transport.close()
                return
        self.tally.events += data.count(b"data: ")
        self.tail = (self.tail + data)[-7:]
        if self.tail.endswith(b"\r\n0\r\n\r\n"):
            self.tally.streams += 1
            if self.tally.asking:
                self.ask()

    def connection_lost(self, error: Exception | None) -> None:
        if self.tally.asking:
            self.tally.failed(f"connection lost: {error}".encode())


class Tally:
    """What arrived. Only complete seconds in the middle are used by the caller."""

    def __init__(self) -> None:
        self.streams = 0
        self.events = 0
        self.errors = 0
        self.example = ""
        self.first_bytes: list[float] = []
        self.asking = True

    async def all_began(self, count: int) -> None:
        """Wait until so many first bytes have come."""
        while len(self.first_bytes) < count:  # noqa: ASYNC110 - a poll is precise enough here
            await asyncio.sleep(0.05)

    def failed(self, data: bytes) -> None:
        self.errors += 1
        self.example = data[:300].decode("latin-1")

    def line(self, seconds: float) -> str:
        times = sorted(self.first_bytes) or [0.0]
        return json.dumps(
            {
                "streams": self.streams,
                "events": self.events,
                "seconds": seconds,
                "errors": self.errors,
                "example": self.example,
                "first_p50_ms": 1000 * times[len(times) // 2],
                "first_p99_ms": 1000 * times[min(len(times) * 99 // 100, len(times) - 1)],
            }
        )


async def measure(url: str, count: int, seconds: float, model: str, key: str) -> None:
    parts = urlsplit(url)
    request = request_bytes(parts.path, parts.netloc, body_of(model, stream=True), key)
    tally = Tally()
    loop = asyncio.get_running_loop()
    for _ in range(count):
        await loop.create_connection(lambda: Stream(request, tally), parts.hostname, parts.port)
        if seconds:
            # A little more than the pace of the streams, so that their events are spread over it.
            await asyncio.sleep(PACE_S * (1 + 1 / count))
    if seconds:
        await asyncio.sleep(0.5)
        tally.events = tally.streams = 0
        tally.first_bytes.clear()
        print("begin", flush=True)
        await asyncio.sleep(seconds)
        print("end", flush=True)
    else:
        await tally.all_began(count)
    print(tally.line(seconds), flush=True)
    tally.asking = False
    if not seconds:
        await loop.run_in_executor(None, sys.stdin.read)


def request_bytes(path: str, host: str, body: bytes, key: str) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


if __name__ == "__main__":
    address, count, seconds, model, *rest = sys.argv[1:]
    uvloop.run(measure(address, int(count), float(seconds), model, (rest or ["none"])[0]))
