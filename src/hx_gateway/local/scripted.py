"""The child process that plays a model: the same words for the same question, and it says so.

Run as `python -m hx_gateway.local.scripted --socket PATH`. For trying out clients, limits and
routing where no model can run, and for tests.
"""

import asyncio

from hx_gateway.core import wire
from hx_gateway.core.http import Response
from hx_gateway.local import child
from hx_gateway.local.completion import Answers, ChatBody, Piece, Pieces

MODEL = "scripted"
LABEL = "demo: no model ran"
_ECHO = "Return exactly the text: "
_PAUSE_S = 0.01  # between words, so that a stream can be seen to be one
_MAX_TOKENS = 4096


class ScriptedService:
    """Answers by rule: what it was told to return, else a sentence that names itself a script."""

    model = MODEL
    path = "/v1/chat/completions"

    def __init__(self) -> None:
        """There is nothing to load."""
        self._answers = Answers(MODEL, LABEL)

    def load(self) -> None:
        """Be ready."""

    async def answer(self, body: bytes) -> Response:
        """Answer one chat."""
        asked = wire.decode_as(body, ChatBody)
        return await self._answers.write(asked, recite(asked))


async def recite(asked: ChatBody) -> Pieces:
    """Give the scripted answer word by word; one word counts as one token."""
    words, finish = script(asked)
    prompt = sum(len(turn.text().split()) for turn in asked.messages)
    for number, word in enumerate(words, 1):
        is_last = number == len(words)
        yield Piece(word, finish if is_last else None, prompt, number)
        await asyncio.sleep(_PAUSE_S)


def script(asked: ChatBody) -> tuple[list[str], str]:
    """Decide what to say (at least one word, spaces kept) and why it ends."""
    question = asked.messages[-1].text()
    _, echo, wanted = question.partition(_ECHO)
    text = wanted if echo else f"{LABEL}. You said: {question[:200]}"
    for stop in asked.stops():
        text = text.partition(stop)[0]
    words = [word + " " for word in text.split(" ")]
    words[-1] = words[-1][:-1]
    limit = asked.limit(_MAX_TOKENS)
    return words[:limit], "stop" if len(words) <= limit else "length"


if __name__ == "__main__":
    child.run(ScriptedService())
