"""An upstream that never comes to an end: it shows when it was asked, and when it was left."""

import asyncio
import re

from tests.support.faults import DIALECTS
from tests.support.listener import Asked, Listener, Wire

_NAME = re.compile(rb"trial:(\w+):(\w+)")
_BY_PATH = {dialect.path: dialect for dialect in DIALECTS.values()}


class SilentUpstream(Listener):
    """Takes requests whose prompt is `trial:PHASE:NAME` and never finishes an answer.

    Phases: `silent` says nothing, `begun` sends the first event of a stream or half a body,
    `busy` refuses with 503, so that the gateway waits before it asks again.
    """

    def __init__(self) -> None:
        """Nobody has asked."""
        super().__init__(self._handle)
        self._arrivals: dict[str, asyncio.Future[Asked]] = {}

    def arrival(self, name: str) -> "asyncio.Future[Asked]":
        """Give the first request of a trial, now or when it comes."""
        loop = asyncio.get_running_loop()
        return self._arrivals.setdefault(name, loop.create_future())

    async def _handle(self, asked: Asked, wire: Wire) -> None:
        found = _NAME.search(asked.body)
        assert found is not None
        phase, name = found[1].decode(), found[2].decode()
        if phase == "busy":
            await wire.json({"error": {"message": "busy"}}, 503)
        elif phase == "begun":
            await self._begin(asked, wire)
        arrival = self.arrival(name)
        if not arrival.done():
            arrival.set_result(asked)
        if phase != "busy":
            await asyncio.Event().wait()

    async def _begin(self, asked: Asked, wire: Wire) -> None:
        dialect = _BY_PATH.get(asked.path, DIALECTS["openai_chat"])
        if not asked.json().get("stream"):
            await wire.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n{")
            return
        await wire.begin()
        text = dialect.stream[: dialect.ends[3]]  # with words in it, which any client gets to see
        if asked.path.endswith("/v1/completions"):
            text = b'data: {"id":"c","choices":[{"index":0,"text":"a","finish_reason":null}]}\n\n'
        await wire.piece(text)
