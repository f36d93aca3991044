"""Embeddings for ourselves, made by the gateway's own embedding route."""

import itertools
from collections.abc import Sequence

import msgspec

from hx_gateway.core import wire
from hx_gateway.core.call import CacheWish, Call, Operation
from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import DependencyError, Garbled
from hx_gateway.core.principal import Principal, Scope
from hx_gateway.pipeline.handle import Pipeline

_SYSTEM = Principal(key_id="system", scopes=frozenset({Scope.INFERENCE}))
NOT_CONFIGURED = (
    "No embedding model is configured; name one in EMBEDDING_MODEL, or install the local one: "
    "pip install 'hx-gateway[local]'."
)


class _Vector(msgspec.Struct):
    index: int
    embedding: tuple[float, ...]


class _Vectors(msgspec.Struct):
    data: list[_Vector]


class PipelineEmbedder:
    """Calls the pipeline as any client would, in the process: routed, retried, receipted."""

    def __init__(
        self,
        pipeline: Pipeline,
        model: str | None,
        clock: Clock,
        alias: str = "document search",
    ) -> None:
        """`model` is a public model name, if one is configured; `alias` is who asks."""
        self._caller = msgspec.structs.replace(_SYSTEM, alias=alias)
        self.model = model or ""
        self._pipeline = pipeline
        self._clock = clock
        self._ids = itertools.count(1)

    async def embed(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        """Embed texts, in their order; raises DependencyError or UpstreamError."""
        if not self.model:
            raise DependencyError(
                "embedding model",
                NOT_CONFIGURED,
                code="embedding_unavailable",
                type_="embedding_unavailable",
            )
        response = await self._pipeline.handle(self._call(texts), self._caller)
        try:
            answer = msgspec.json.decode(response.body, type=_Vectors)
        except msgspec.DecodeError as error:
            raise Garbled("The embedding model's answer cannot be read.") from error
        vectors = [each.embedding for each in sorted(answer.data, key=lambda each: each.index)]
        if len(vectors) != len(texts):
            raise Garbled("The embedding model answered with another number of vectors.")
        return vectors

    def _call(self, texts: Sequence[str]) -> Call:
        fields = {"model": wire.raw(self.model), "input": wire.raw(list(texts))}
        return Call(
            id=f"embed-{next(self._ids):x}",
            operation=Operation.EMBED,
            dialect="openai_embeddings",
            model=self.model,
            fields=fields,
            started_at=self._clock.monotonic(),
            # Documents would fill the answer cache with vectors that nobody asks for again.
            cache=CacheWish(reads=False, writes=False),
        )
