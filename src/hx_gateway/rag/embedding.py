"""The embedding side of document search: one model for one collection, and its failures by name."""

from collections.abc import Sequence

from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import Conflict, DependencyError, GatewayError
from hx_gateway.core.ports import Collection, Embedder
from hx_gateway.rag.meter import RagMeter

_ROLE = "embedding model"
_CODE = "embedding_unavailable"


class Embedding:
    """Embeds through the gateway's own route, and never mixes the vectors of two models."""

    def __init__(self, embedder: Embedder, dimension: int, clock: Clock, meter: RagMeter) -> None:
        """`dimension` is what the configuration says, 0 when it says nothing."""
        self._embedder = embedder
        self._dimension = dimension
        self._clock = clock
        self._meter = meter

    @property
    def model(self) -> str:
        """The model's public name; empty when none is configured."""
        return self._embedder.model

    async def dimension(self) -> int:
        """Say how long vectors must be before there is a collection; 0 when anything goes.

        Asks the model once: otherwise the first vector that comes along, of whatever length, would
        decide for all texts to come.
        """
        if not self._dimension and self.model:
            (vector,) = await self._ask(["dimension"])
            self._dimension = len(vector)
        return self._dimension

    async def embed(
        self, texts: Sequence[str], collection: Collection | None, *, batch_size: int
    ) -> list[tuple[float, ...]]:
        """Embed texts for a collection; raises Conflict when it was made with another model."""
        if not texts:
            return []
        if collection is not None and collection.model not in {"", self.model} and self.model:
            raise Conflict(
                f"The documents were embedded with {collection.model!r}, the gateway is set to "
                f"{self.model!r}; set it back, or name another collection.",
                code="embedding_model_changed",
            )
        vectors: list[tuple[float, ...]] = []
        for start in range(0, len(texts), batch_size):
            vectors += await self._ask(texts[start : start + batch_size])
        self._check(vectors, collection.dimension if collection else self._dimension)
        return vectors

    async def _ask(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        began = self._clock.monotonic()
        try:
            return await self._embedder.embed(texts)
        except DependencyError as error:
            raise _unavailable(error.message, 503) from error
        except GatewayError as error:
            status = error.http_status if error.http_status in {502, 503, 504} else 502
            raise _unavailable(None, status) from error
        finally:
            self._meter.embedded(self._clock.monotonic() - began)

    def _check(self, vectors: Sequence[Sequence[float]], expected: int) -> None:
        if expected and any(len(vector) != expected for vector in vectors):
            raise Conflict(
                f"The embedding model gives {len(vectors[0])} dimensions, {expected} are needed; "
                "the model has changed, or EMBEDDING_DIM is wrong.",
                code="dimension_mismatch",
            )


def _unavailable(message: str | None, status: int) -> DependencyError:
    return DependencyError(_ROLE, message, code=_CODE, type_=_CODE, status=status)
