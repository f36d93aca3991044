"""Keep vectors with the Qdrant Edge engine, in this process. The only module that imports it.

Every call holds the interpreter (the engine never releases the GIL), so this runs in a process of
its own. One process at a time may open a folder.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import qdrant_edge as edge

from hx_gateway.core import wire
from hx_gateway.core.errors import Conflict, NotFound
from hx_gateway.core.ports import Collection, Hit, Point
from hx_gateway.local.flags import FIELD, flags_of, with_flags, without_flags

_PIN = "collection.json"
_SHARD = "shard"


class Shards:
    """Collections in a folder, one engine shard each.

    The HNSW index is never built: `optimize()` would stop everything for up to a minute, while
    exact search of 100,000 documents takes 8 ms and misses nothing.
    """

    def __init__(self, folder: Path) -> None:
        """Open every collection there is."""
        self._folder = folder
        self._collections: dict[str, Collection] = {}
        self._shards: dict[str, edge.EdgeShard] = {}
        self._dirty: set[str] = set()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for pin in sorted(folder.glob(f"*/{_PIN}")):
            self._open(wire.decode_as(pin.read_bytes(), Collection), pin.parent)

    def find(self, name: str) -> Collection | None:
        """Look a collection up."""
        return self._collections.get(name)

    def create(self, collection: Collection) -> None:
        """Make a collection; raises Conflict when the name has another model or dimension."""
        existing = self.find(collection.name)
        if existing is None:
            self._make(collection)
        elif existing != collection:
            raise Conflict("The collection exists already, with another model or dimension.")

    def upsert(self, name: str, points: Sequence[Point]) -> None:
        """Write points; they are in the engine's log when this returns."""
        made = [edge.Point(p.id, list(p.vector), with_flags(p.payload)) for p in points]
        self._shard(name).update(edge.UpdateOperation.upsert_points(made))
        self._dirty.add(name)

    def search(
        self, name: str, vector: list[float], where: dict[str, Any], limit: int, least: float | None
    ) -> list[Hit]:
        """Find the nearest points, best first; none where there is no collection."""
        if name not in self._shards:
            return []
        request = edge.QueryRequest(
            limit=limit,
            query=edge.Query.Nearest(vector),
            filter=_filter(where),
            with_payload=True,
            score_threshold=least,
        )
        return [
            Hit(id=str(each.id), score=each.score, payload=without_flags(each.payload or {}))
            for each in self._shards[name].query(request)
        ]

    def count(self, name: str, where: dict[str, Any]) -> int:
        """Count exactly; 0 where there is no collection."""
        if name not in self._shards:
            return 0
        request = edge.CountRequest(exact=True, filter=_filter(where))
        return int(self._shards[name].count(request))

    def delete(self, name: str, where: dict[str, Any]) -> int:
        """Remove what matches and say how much it was; nothing can come in between."""
        matched = self.count(name, where)
        if matched:
            operation = edge.UpdateOperation.delete_points_by_filter(_filter(where))
            self._shards[name].update(operation)
            self._dirty.add(name)
        return matched - self.count(name, where) if matched else 0

    def flush(self) -> None:
        """Put what was written on the disk proper, against a loss of power (0.1 s and more)."""
        while self._dirty:
            self._shards[self._dirty.pop()].flush()

    def close(self) -> None:
        """Flush and close everything."""
        self.flush()
        for shard in self._shards.values():
            shard.close()
        self._shards.clear()
        self._collections.clear()

    def _shard(self, name: str) -> edge.EdgeShard:
        if name not in self._shards:
            raise NotFound("The collection is gone.")
        return self._shards[name]

    def _make(self, collection: Collection) -> None:
        # The pin is written last and at once: a folder without one is an unfinished attempt.
        folder = self._folder / quote(collection.name, safe="").replace(".", "%2E")
        folder.mkdir(mode=0o700, exist_ok=True)
        shard_folder = _fresh(folder)
        params = edge.EdgeVectorParams(size=collection.dimension, distance=edge.Distance.Cosine)
        shard = edge.EdgeShard.create(str(shard_folder), edge.EdgeConfig(vectors=params))
        for field, schema in (
            ("tenant", edge.KeywordIndexParams(is_tenant=True)),
            ("namespace", edge.KeywordIndexParams()),
            ("expires_at", edge.FloatIndexParams()),
            (FIELD, edge.KeywordIndexParams()),
        ):
            shard.update(edge.UpdateOperation.create_field_index(field, schema))
        shard.flush()
        temporary = folder / f"{_PIN}.new"
        temporary.write_bytes(wire.encode(collection))
        temporary.replace(folder / _PIN)
        self._collections[collection.name] = collection
        self._shards[collection.name] = shard

    def _open(self, collection: Collection, folder: Path) -> None:
        self._collections[collection.name] = collection
        self._shards[collection.name] = edge.EdgeShard.load(str(folder / _SHARD))


def _fresh(folder: Path) -> Path:
    """Give an empty shard folder; what an attempt that was killed has left is set aside."""
    path = folder / _SHARD
    number = 0
    while path.exists():
        number += 1
        aside = folder / f"{_SHARD}.unfinished-{number}"
        if not aside.exists():
            path.rename(aside)
    path.mkdir(mode=0o700)
    return path


def _filter(where: dict[str, Any]) -> edge.Filter:
    must, should, must_not = (
        [_condition(each) for each in where[clause]] if clause in where else None
        for clause in ("must", "should", "must_not")
    )
    return edge.Filter(must=must, should=should, must_not=must_not)


def _condition(each: dict[str, Any]) -> "edge.ConditionType":
    if "key" not in each:
        return _filter(each)
    key, match = each["key"], each.get("match")
    if match is None:
        return edge.FieldCondition(key, range=edge.RangeFloat(**each["range"]))
    if "value" in match:  # only flags come this way
        return edge.FieldCondition(FIELD, match=edge.MatchAny([flags_of(key, match["value"])]))
    return edge.FieldCondition(key, match=edge.MatchAny(match["any"]))
