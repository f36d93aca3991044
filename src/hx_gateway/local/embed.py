"""The child process that embeds texts: OpenAI's embeddings shape over a Unix socket.

Run as `python -m hx_gateway.local.embed --socket PATH`.
"""

import asyncio
import base64
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Literal, Protocol

import msgspec

from hx_gateway.core import wire
from hx_gateway.core.errors import InvalidRequest, RateLimited
from hx_gateway.core.http import JSON_TYPE, Response
from hx_gateway.local import child

MODEL = "all-MiniLM-L6-v2-int8"
DIMENSION = 384
_MAX_WAITING = 64  # calls; more are refused with 429


class EmbedBody(msgspec.Struct):
    """OpenAI's request; `input` as text only, since token ids of other models mean nothing here."""

    input: str | Annotated[list[str], msgspec.Meta(min_length=1, max_length=2048)]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None


class Model(Protocol):
    """Embeds one text at a time; gives its vector and the tokens read."""

    def embed(self, text: str) -> tuple[list[float], int]:
        """See the class."""
        ...


class EmbedService:
    """Embeds on one worker thread, text by text, so that a long list does not block a short one."""

    model = MODEL
    path = "/v1/embeddings"

    def __init__(self, model: Model | None = None) -> None:
        """`model` None loads the real one in `load`."""
        self._model = model
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="embed")
        self._calls = 0

    def load(self) -> None:
        """Load the model unless one was given."""
        if self._model is None:
            # Imported here: the socket answers while numpy and onnxruntime are still loading.
            from hx_gateway.local.minilm import MiniLM  # noqa: PLC0415

            self._model = MiniLM()

    async def answer(self, body: bytes) -> Response:
        """Embed the texts of one call."""
        asked = wire.decode_as(body, EmbedBody)
        texts = [asked.input] if isinstance(asked.input, str) else asked.input
        if asked.dimensions not in {None, DIMENSION}:
            raise InvalidRequest(f"This model has {DIMENSION} dimensions.", param="dimensions")
        if not all(texts):
            raise InvalidRequest("An empty text has no embedding.", param="input")
        if self._calls >= _MAX_WAITING:
            raise RateLimited("The local embedding model is busy.", retry_after_s=1.0)
        self._calls += 1
        try:
            results = await self._embed(texts)
        finally:
            self._calls -= 1
        return Response(200, _render(results, asked.encoding_format), [JSON_TYPE])

    async def _embed(self, texts: Sequence[str]) -> list[tuple[list[float], int]]:
        loop = asyncio.get_running_loop()
        assert self._model is not None  # noqa: S101 - `load` came first
        return [await loop.run_in_executor(self._worker, self._model.embed, text) for text in texts]


def _render(results: list[tuple[list[float], int]], encoding: str) -> bytes:
    tokens = sum(count for _, count in results)
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": vector if encoding == "float" else _packed(vector),
        }
        for index, (vector, _) in enumerate(results)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return wire.encode({"object": "list", "data": data, "model": MODEL, "usage": usage})


def _packed(vector: list[float]) -> str:
    """Pack as OpenAI does: little-endian float32, base64."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


if __name__ == "__main__":
    child.run(EmbedService())
