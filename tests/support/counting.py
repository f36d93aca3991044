"""An upstream that counts aloud, so that a missing or doubled word of a stream is seen."""

import asyncio
import re

import msgspec
from tests.support.listener import Asked, Listener, Wire

_LIMIT = re.compile(rb"count to (\d+)")


class CountingUpstream(Listener):
    """Streams `0 1 2 ...` in OpenAI's format, a number each `pace_s`.

    A prompt says "count to N"; any other goes on until `finished` is set.
    """

    def __init__(self, pace_s: float = 0.1) -> None:
        """Nobody has asked."""
        super().__init__(self._handle)
        self.pace_s = pace_s
        self.finished = asyncio.Event()

    async def _handle(self, asked: Asked, wire: Wire) -> None:
        found = _LIMIT.search(asked.body)
        limit = int(found[1]) if found else None
        await wire.begin()
        number = 0
        while number < limit if limit is not None else not self.finished.is_set():
            await wire.piece(event({"content": f"{number} "}))
            number += 1
            await asyncio.sleep(self.pace_s)
        await wire.piece(event({}, "stop") + b"data: [DONE]\n\n")
        await wire.end()


def event(delta: dict[str, str], finish: str | None = None) -> bytes:
    """Write one event in that format."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + msgspec.json.encode({"id": "c", "choices": [choice]}) + b"\n\n"


def is_count(text: str) -> bool:
    """Whether a text counts from 0 without a gap; not that it came to an end."""
    return text.split() == [str(number) for number in range(len(text.split()))]
