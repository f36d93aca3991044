"""An upstream that breaks reference streams: at which byte and how, its request says.

A prompt holds `Cut.text()`, which passes through any translation; the path tells the dialect.
The same cut gives the same bytes in the same pieces: what is random comes from the cut's seed.
"""

import asyncio
import random
import re
import socket
import struct
from enum import StrEnum
from types import TracebackType
from typing import Self

import msgspec
from tests.support.golden import ROOT, recorded


class Fault(StrEnum):
    """How a stream ends after the cut."""

    RESET = "reset"  # RST
    FIN = "fin"  # FIN inside a chunked body
    END = "end"  # a proper end of the body, without the dialect's end mark
    CLOSE = "close"  # the same of a body that the connection's end delimits
    SHORT = "short"  # FIN before the announced content-length
    TRUNCATED = "truncated"  # content-length announces only what comes before the cut
    STALL = "stall"  # silence
    GARBAGE = "garbage"  # bytes that are no event, then a proper end
    HALF_UTF8 = "half_utf8"  # an event whose text ends inside a character, then a proper end
    BAD_JSON = "bad_json"  # an event that is not JSON, then a proper end
    BAD_CHUNK = "bad_chunk"  # chunked framing that is broken
    ERROR = "error"  # the dialect's own error event, then a proper end
    EARLY_END = "early_end"  # the dialect's end mark, though the answer is not complete
    PAUSE = "pause"  # no fault: silence until it is told to go on, then the rest
    HALF_UTF8_ON = "half_utf8_on"  # as above, but the rest of the stream follows
    BAD_JSON_ON = "bad_json_on"


# Those that make sense only between two events.
BETWEEN = {Fault.EARLY_END, Fault.HALF_UTF8_ON, Fault.BAD_JSON_ON}


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """One wire format of upstreams: its reference stream, and how it says what.

    `done` is the number of its events after which the answer is complete. `end` is its end mark,
    or one that an upstream may mistake for it.
    """

    path: str
    golden: str
    error: bytes
    end: bytes
    bad_json: bytes
    half_utf8: bytes
    done: int
    separator: bytes = b"\n\n"
    kind: str = "text/event-stream"

    @property
    def stream(self) -> bytes:
        """The whole reference stream."""
        return recorded(ROOT / f"{self.golden}.response.http")[2]

    @property
    def ends(self) -> list[int]:
        """Where its events end."""
        return [found.end() for found in re.finditer(re.escape(self.separator), self.stream)]


def _delta(before: bytes, after: bytes) -> bytes:
    return before + b"Gr\xc3" + after


DIALECTS = {
    "openai_chat": Dialect(
        path="/v1/chat/completions",
        golden="openai/chat.stream",
        error=b'data: {"error":{"message":"it broke","type":"server_error","code":null}}\n\n',
        end=b"data: [DONE]\n\n",
        bad_json=b'data: {"id":"x","choices":[{"index":0,"delta":{"content":"a\n\n',
        half_utf8=_delta(
            b'data: {"id":"x","choices":[{"index":0,"delta":{"content":"',
            b'"},"finish_reason":null}]}\n\n',
        ),
        done=5,
    ),
    "anthropic_messages": Dialect(
        path="/v1/messages",
        golden="anthropic/messages.stream",
        error=b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error",'
        b'"message":"Overloaded"}}\n\n',
        end=b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
        bad_json=b'event: content_block_delta\ndata: {"type":"content_block_delta","ind\n\n',
        half_utf8=_delta(
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":'
            b'{"type":"text_delta","text":"',
            b'"}}\n\n',
        ),
        done=8,
    ),
    "openai_responses": Dialect(
        path="/v1/responses",
        golden="openai/responses.stream",
        error=b'event: error\ndata: {"type":"error","code":"server_error","message":"it broke",'
        b'"param":null,"sequence_number":9}\n\n',
        end=b"data: [DONE]\n\n",
        bad_json=b'event: response.output_text.delta\ndata: {"type":"response.outp\n\n',
        half_utf8=_delta(
            b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta",'
            b'"item_id":"msg_1","output_index":0,"content_index":0,"delta":"',
            b'","logprobs":[],"sequence_number":9}\n\n',
        ),
        done=11,
    ),
    "ollama_chat": Dialect(
        path="/api/chat",
        golden="ollama/chat.stream",
        error=b'{"error":"it broke"}\n',
        end=b"data: [DONE]\n\n",  # of another dialect: this one has no mark of its own
        bad_json=b'{"model":"m","message":{"role":"assis\n',
        half_utf8=_delta(
            b'{"model":"m","created_at":"","message":{"role":"assistant","content":"',
            b'"},"done":false}\n',
        ),
        done=4,
        separator=b"\n",
        kind="application/x-ndjson",
    ),
}
_BY_PATH = {dialect.path: dialect for dialect in DIALECTS.values()}
_MARK = re.compile(rb"cut:(\w+)@(\d+)/(\d+)#(\d+)")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """Break the stream before byte `at`. What is sent beyond byte `held` waits for `FaultyUpstream.open`."""

    fault: Fault
    at: int
    held: int
    seed: int = 0

    def text(self) -> str:
        """What a prompt says of it."""
        return f"cut:{self.fault}@{self.at}/{self.held}#{self.seed}"


class FaultyUpstream:
    """Listens on loopback for all dialects; `open(seed)` lets the stream with that seed go on."""

    def __init__(self) -> None:
        """Nothing listens yet."""
        self._server: asyncio.Server | None = None
        self._gates: dict[int, asyncio.Event] = {}
        self._live: set[asyncio.Task[None]] = set()
        self._rounds = 0
        self.port = 0

    def next_seed(self) -> int:
        """Give the first of a million seeds that nobody else uses."""
        self._rounds += 1
        return self._rounds * 1_000_000

    def open(self, seed: int) -> None:
        """Send what is held back: the client has its first bytes."""
        self._gate(seed).set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        live = list(self._live)
        for task in live:
            task.cancel()
        await asyncio.gather(*live, return_exceptions=True)

    def _gate(self, seed: int) -> asyncio.Event:
        return self._gates.setdefault(seed, asyncio.Event())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._live.add(task)
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._live.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        body = await reader.readexactly(int(length[1]) if length else 0)
        dialect = _BY_PATH.get(head.split(b" ", 2)[1].decode())
        if dialect is None:  # nodes are asked how they are; this one does not say
            writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            return True
        mark = _MARK.search(body)
        if mark is None:
            await _Answer(dialect, writer, None).whole()
            return True
        fault, at, held, seed = mark.groups()
        cut = Cut(fault=Fault(fault.decode()), at=int(at), held=int(held), seed=int(seed))
        answer = _Answer(dialect, writer, cut)
        await answer.begin()
        if cut.at >= cut.held:
            await self._gate(cut.seed).wait()
        self._gates.pop(cut.seed, None)
        await answer.finish()
        if cut.fault is Fault.STALL:
            await reader.read(1)  # until the gateway has had enough
        return answer.is_kept


class _Answer:
    """One broken answer."""

    def __init__(self, dialect: Dialect, writer: asyncio.StreamWriter, cut: Cut | None) -> None:
        self._dialect = dialect
        self._writer = writer
        self._cut = cut or Cut(fault=Fault.END, at=len(dialect.stream), held=len(dialect.stream))
        self._chance = random.Random(self._cut.seed)
        self._stream = dialect.stream
        self._sent = min(self._cut.at, self._cut.held)
        fault = self._cut.fault
        self._is_chunked = fault not in {Fault.CLOSE, Fault.SHORT, Fault.TRUNCATED}
        self.is_kept = False

    async def whole(self) -> None:
        await self.begin()
        await self._end()

    async def begin(self) -> None:
        self._writer.write(self._head())
        await self._pieces(self._stream[: self._sent])

    async def finish(self) -> None:
        await self._pieces(self._stream[self._sent : self._cut.at])
        await getattr(self, f"_{self._cut.fault.value}")()

    def _head(self) -> bytes:
        framing = {
            Fault.CLOSE: b"connection: close\r\n",
            Fault.SHORT: b"content-length: %d\r\n" % len(self._stream),
            # Nobody can tell what comes after it from the next answer, so there is none.
            Fault.TRUNCATED: b"content-length: %d\r\nconnection: close\r\n" % self._cut.at,
        }.get(self._cut.fault, b"transfer-encoding: chunked\r\n")
        kind = self._dialect.kind.encode()
        return b"HTTP/1.1 200 OK\r\ncontent-type: " + kind + b"\r\n" + framing + b"\r\n"

    async def _pieces(self, data: bytes) -> None:
        """Send bytes in a few pieces, each a chunk and (nearly always) a segment of its own."""
        places = sorted(self._chance.randrange(len(data) + 1) for _ in range(3))
        start = 0
        for place in (*places, len(data)):
            if place > start:
                await self._piece(data[start:place])
            start = place

    async def _piece(self, data: bytes) -> None:
        self._writer.write(b"%x\r\n%b\r\n" % (len(data), data) if self._is_chunked else data)
        await self._writer.drain()
        await asyncio.sleep(0)

    async def _end(self) -> None:
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()
        self.is_kept = True

    async def _reset(self) -> None:
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def _fin(self) -> None:
        self._writer.close()

    _close = _short = _fin

    async def _truncated(self) -> None:
        await self._piece(self._stream[self._cut.at :])
        self._writer.close()

    async def _stall(self) -> None:
        pass

    async def _pause(self) -> None:
        await self._pieces(self._stream[self._cut.at :])
        await self._end()

    async def _garbage(self) -> None:
        await self._piece(self._chance.randbytes(64) + b"\n\n")
        await self._end()

    async def _half_utf8(self) -> None:
        await self._piece(self._dialect.half_utf8)
        await self._end()

    async def _bad_json(self) -> None:
        await self._piece(self._dialect.bad_json)
        await self._end()

    async def _bad_chunk(self) -> None:
        self._writer.write(b"zz\r\nno chunk\r\n")
        self._writer.close()

    async def _error(self) -> None:
        await self._piece(self._dialect.error)
        await self._end()

    async def _early_end(self) -> None:
        await self._piece(self._dialect.end)
        await self._end()

    async def _half_utf8_on(self) -> None:
        await self._piece(self._dialect.half_utf8)
        await self._pieces(self._stream[self._cut.at :])
        await self._end()

    async def _bad_json_on(self) -> None:
        await self._piece(self._dialect.bad_json)
        await self._pieces(self._stream[self._cut.at :])
        await self._end()
