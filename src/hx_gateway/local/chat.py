"""The child process that chats: a tiny real model in OpenAI's shape over a Unix socket.

Run as `python -m hx_gateway.local.chat --socket PATH`.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from hx_gateway.core import wire
from hx_gateway.core.errors import RateLimited
from hx_gateway.core.http import Response
from hx_gateway.local import child
from hx_gateway.local.completion import Answers, ChatBody, Piece
from hx_gateway.local.prompt import Prompt, prompt_of

MODEL = "SmolLM2-135M-Instruct"
_MAX_WAITING = 8  # calls, the one under way included; at 30 tokens a second more is no use


class Engine(Protocol):
    """Generates on one thread."""

    def generate(self, prompt: Prompt) -> Iterator[Piece]:
        """Give the pieces of an answer; raises InvalidRequest before the first."""
        ...


class ChatService:
    """Answers chats one after the other on one worker thread."""

    model = MODEL
    path = "/v1/chat/completions"

    def __init__(self, engine: Engine | None = None) -> None:
        """`engine` None loads the real one in `load`."""
        self._engine = engine
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="chat")
        self._answers = Answers(MODEL, "hx-gateway-local")
        self._calls = 0

    def load(self) -> None:
        """Load the model unless one was given."""
        if self._engine is None:
            # Imported here: the socket answers while the library is still loading.
            from hx_gateway.local.smollm import SmolLM  # noqa: PLC0415

            self._engine = SmolLM()

    async def answer(self, body: bytes) -> Response:
        """Answer one chat."""
        asked = wire.decode_as(body, ChatBody)
        prompt = prompt_of(asked)
        if self._calls >= _MAX_WAITING:
            raise RateLimited("The local demo model is busy.", retry_after_s=5.0)
        return await self._answers.write(asked, self._pieces(prompt))

    async def _pieces(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        assert self._engine is not None  # noqa: S101 - `load` came first
        generation = _Generation(self._engine, prompt)
        self._calls += 1
        try:
            self._worker.submit(generation.run)
            while (piece := await generation.next()) is not None:
                yield piece
        finally:
            generation.stop()
            self._calls -= 1


class _Generation:
    """One answer under way: made on the worker thread, read on the event loop."""

    def __init__(self, engine: Engine, prompt: Prompt) -> None:
        self._engine = engine
        self._prompt = prompt
        self._loop = asyncio.get_running_loop()
        self._made: asyncio.Queue[Piece | Exception | None] = asyncio.Queue()
        self._unwanted = threading.Event()

    def stop(self) -> None:
        """Nobody wants the rest: the worker ends after the token it is at."""
        self._unwanted.set()

    def run(self) -> None:
        """Generate, on the worker thread."""
        try:
            if not self._unwanted.is_set():
                self._generate()
            self._hand(None)
        except Exception as error:  # noqa: BLE001 - raised again where the answer is read
            self._hand(error)

    def _generate(self) -> None:
        for piece in self._engine.generate(self._prompt):
            if self._unwanted.is_set():
                return
            self._hand(piece)

    def _hand(self, item: Piece | Exception | None) -> None:
        self._loop.call_soon_threadsafe(self._made.put_nowait, item)

    async def next(self) -> Piece | None:
        """Wait for the next piece, None at the end; raises what the engine raised."""
        item = await self._made.get()
        if isinstance(item, Exception):
            raise item
        return item


if __name__ == "__main__":
    child.run(ChatService())
