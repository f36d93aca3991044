"""What document search needs, in memory: an embedder that can fail, a meter that remembers."""

from collections.abc import Mapping, Sequence

from tests.support.vectors import embed, likeness

from hx_gateway.core.errors import GatewayError, NotFound
from hx_gateway.core.ports import Collection, Filter, Hit, Match, Point


class HashEmbedder:
    """Embeds without a model; raises `fault` while there is one."""

    def __init__(self, model: str = "hash", dimension: int = 32) -> None:
        self.model = model
        self.dimension = dimension
        self.fault: GatewayError | None = None
        self.asked: list[list[str]] = []

    async def embed(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        if self.fault is not None:
            raise self.fault
        self.asked.append(list(texts))
        return [tuple(embed(text, self.dimension)) for text in texts]


class MemoryVectors:
    """A vector store in memory. `fault` fails everything, or with `writes_left` later writes."""

    def __init__(self) -> None:
        self.fault: GatewayError | None = None
        self.writes_left: int | None = None
        self.collections: dict[str, Collection] = {}
        self.points: dict[str, dict[str, Point]] = {}

    async def collection(self, name: str) -> Collection | None:
        self._fail()
        return self.collections.get(name)

    async def create(self, collection: Collection) -> None:
        self.collections[collection.name] = collection
        self.points.setdefault(collection.name, {})

    async def upsert(self, name: str, points: Sequence[Point]) -> None:
        if self.writes_left is not None:
            self.writes_left -= 1
            if self.fault is not None and self.writes_left < 0:
                raise self.fault
        if name not in self.points:
            raise NotFound("gone")
        self.points[name].update({point.id: point for point in points})

    async def search(
        self,
        name: str,
        vector: Sequence[float],
        *,
        tenant: str,
        where: Filter,
        limit: int,
        score_threshold: float | None = None,
    ) -> list[Hit]:
        hits = [
            Hit(id=p.id, score=likeness(list(p.vector), list(vector)), payload=p.payload)
            for p in self._matching(name, tenant, where)
        ]
        # What just reaches the threshold is left out, as the engines do it.
        near = [hit for hit in hits if score_threshold is None or hit.score > score_threshold]
        return sorted(near, key=lambda hit: -hit.score)[:limit]

    async def count(self, name: str, *, tenant: str, where: Filter) -> int:
        return len(self._matching(name, tenant, where))

    async def delete(self, name: str, *, tenant: str, where: Filter) -> int:
        return self._remove(name, self._matching(name, tenant, where))

    async def purge(self, name: str, *, where: Filter) -> int:
        found = self.points.get(name, {}).values()
        return self._remove(name, [p for p in found if matches(where, p.payload)])

    def _remove(self, name: str, gone: list[Point]) -> int:
        for point in gone:
            del self.points[name][point.id]
        return len(gone)

    async def ping(self) -> None:
        self._fail()

    async def aclose(self) -> None:
        pass

    def _fail(self) -> None:
        if self.fault is not None and self.writes_left is None:
            raise self.fault

    def _matching(self, name: str, tenant: str, where: Filter) -> list[Point]:
        own = Filter(must=(Match(key="tenant", values=(tenant,)), where))
        return [p for p in self.points.get(name, {}).values() if matches(own, p.payload)]


def matches(where: Filter | Match, payload: Mapping[str, object]) -> bool:
    if isinstance(where, Filter):
        return (
            all(matches(each, payload) for each in where.must)
            and (not where.should or any(matches(each, payload) for each in where.should))
            and not any(matches(each, payload) for each in where.must_not)
        )
    value = payload.get(where.key)
    if where.at_least is None and where.at_most is None:
        return value in where.values
    if not isinstance(value, int | float):
        return False
    least = value if where.at_least is None else where.at_least
    most = value if where.at_most is None else where.at_most
    return least <= value <= most


class NoteMeter:
    """Remembers what was counted."""

    def __init__(self) -> None:
        self.searches: list[tuple[str, str]] = []
        self.upserts: list[str] = []
        self.embeddings = 0
        self.operations: list[str] = []

    def searched(self, result: str, path: str) -> None:
        self.searches.append((result, path))

    def upserted(self, result: str) -> None:
        self.upserts.append(result)

    def embedded(self, seconds: float) -> None:
        self.embeddings += 1

    def vectors_used(self, op: str, seconds: float) -> None:
        self.operations.append(op)
