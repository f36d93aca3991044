"""An upstream client that answers from a script: a `Sender` without sockets."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from hx_gateway.core.errors import UpstreamError
from hx_gateway.core.http import Deadlines, HttpRequest, Origin

Piece = bytes | UpstreamError | float  # bytes to give, a fault to raise, seconds to wait


class ScriptedExchange:
    """One answer, piece by piece."""

    def __init__(
        self, status: int, pieces: Sequence[Piece], headers: Mapping[bytes, bytes]
    ) -> None:
        self.status = status
        self.headers = headers
        self.closed = 0
        self._pieces = list(pieces)

    async def read(self) -> bytes:
        whole = b""
        while piece := await self.receive():
            whole += piece
        return whole

    async def receive(self) -> bytes:
        while self._pieces:
            piece = self._pieces.pop(0)
            if isinstance(piece, UpstreamError):
                raise piece
            if isinstance(piece, bytes):
                return piece
            await asyncio.sleep(piece)
        return b""

    async def pass_on(self, take: Callable[[bytes], bool]) -> bool:
        while piece := await self.receive():
            if not take(piece):
                return True
        return False

    def close(self) -> None:
        self.closed += 1


class Answer:
    """What a host answers."""

    def __init__(
        self, status: int = 200, *pieces: Piece, headers: Mapping[bytes, bytes] | None = None
    ) -> None:
        self.status = status
        self.pieces = pieces
        self.headers = headers or {}


class ScriptedSender:
    """Answers by host: each host works through its list, its last answer repeats."""

    def __init__(self, **hosts: Sequence[Answer | UpstreamError]) -> None:
        self._hosts = {host: list(answers) for host, answers in hosts.items()}
        self.sent: list[tuple[str, HttpRequest]] = []
        self.deadlines: list[Deadlines] = []
        self.exchanges: list[ScriptedExchange] = []

    async def send(
        self, origin: Origin, request: HttpRequest, deadlines: Deadlines
    ) -> ScriptedExchange:
        self.sent.append((origin.host, request))
        self.deadlines.append(deadlines)
        await asyncio.sleep(0)
        answers = self._hosts[origin.host]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, UpstreamError):
            raise answer
        exchange = ScriptedExchange(answer.status, answer.pieces, answer.headers)
        self.exchanges.append(exchange)
        return exchange

    @property
    def hosts(self) -> list[str]:
        return [host for host, _ in self.sent]
