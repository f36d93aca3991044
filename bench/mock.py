"""The upstream of the streaming measurements: server-sent events in OpenAI's shape.

The model name chooses the pace: `paced` sends an event every 20 ms, `fast` as fast as the client
takes them, `idle` sends one event and then nothing. One stream is 104 events of about 250 bytes.

    python bench/mock.py PORT
"""

import asyncio
import sys

import uvloop
from question import PACE_S

EVENTS = 104

HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
)
END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def events() -> list[bytes]:
    """The 104 events, framed: text, the finish, the usage, the end mark."""
    common = (
        b'"id":"chatcmpl-0123456789abcdef0123456789","object":"chat.completion.chunk",'
        b'"created":1700000000,"model":"bench-model-2026-01-01","system_fingerprint":"fp_0a1b2c3d4e"'
    )
    text = [
        b'{%b,"choices":[{"index":0,"delta":{"content":" word%04d"},"logprobs":null,'
        b'"finish_reason":null}]}' % (common, number)
        for number in range(EVENTS - 3)
    ]
    finish = b'{%b,"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}' % common
    counts = b'{"prompt_tokens":300,"completion_tokens":101,"total_tokens":401}'
    usage = b'{%b,"choices":[],"usage":%b}' % (common, counts)
    return [chunk(b"data: " + one + b"\n\n") for one in [*text, finish, usage, b"[DONE]"]]


STREAM = events()


class Mock(asyncio.Protocol):
    """One connection: requests in, streams out."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.loop = asyncio.get_running_loop()
        self.buffer = b""
        self.next = 0
        self.handle: asyncio.Handle | None = None
        self.paused = False

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, separator, body = self.buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        lower = head.lower()
        at = lower.find(b"content-length:")
        length = int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(body) < length:
            return
        self.buffer = body[length:]
        self.begin(body[:length])

    def begin(self, body: bytes) -> None:
        self.next = 1
        self.transport.write(HEAD + STREAM[0])
        if b'"idle"' in body:
            return
        if b'"fast"' in body:
            self.handle = self.loop.call_soon(self.send_fast)
        else:
            self.due = self.loop.time() + PACE_S
            self.handle = self.loop.call_at(self.due, self.send_paced)

    def send_paced(self) -> None:
        if self.send():
            self.due += PACE_S
            self.handle = self.loop.call_at(self.due, self.send_paced)

    def send_fast(self) -> None:
        if not self.paused and self.send():
            self.handle = self.loop.call_soon(self.send_fast)

    def send(self) -> bool:
        """Send the next event; False after the last one."""
        event = STREAM[self.next]
        self.next += 1
        last = self.next == EVENTS
        self.transport.write(event + END if last else event)
        return not last

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        if 0 < self.next < EVENTS:
            self.handle = self.loop.call_soon(self.send_fast)

    def connection_lost(self, _error: Exception | None) -> None:
        if self.handle is not None:
            self.handle.cancel()


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Mock, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
