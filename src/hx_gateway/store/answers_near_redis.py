"""Keep answers in Redis or Valkey and find them by meaning, with the commands of its search module.

RediSearch (in Redis 8 and Redis Stack) and valkey-search both have them; what is used here is what
both know: https://redis.io/docs/latest/develop/ai/search-and-query/vectors/ and
https://valkey.io/topics/search/. Without such a module answers are kept all the same, and found by
whoever asks exactly the same.
"""

import hashlib
import logging
import struct
from collections.abc import Mapping, Sequence

from redis.exceptions import ResponseError

from hx_gateway.core.answers import Nearest, ServerInfo
from hx_gateway.core.clock import Clock
from hx_gateway.store.answers_redis import RedisAnswers, milliseconds

_AGAIN_S = 60.0  # until a server that could not search is tried again
_ANSWER, _BUCKET, _DISTANCE = "answer", "bucket", "distance"
NO_SEARCH = "Redis has no search module; answers are found for equal questions only."

_log = logging.getLogger(__name__)


class RedisNearAnswers:
    """Kept answers in database 0 of one Redis, a hash each. Their life time is Redis's own affair.

    The vectors of one embedding model and length are one field, so that those of another are never
    compared with them.
    """

    is_shared = True

    def __init__(self, kept: RedisAnswers, model: str, clock: Clock) -> None:
        """`kept` is the way to keys of their own (`kind_of`), and is closed with this."""
        self._kept = kept
        self._clock = clock
        self._model = hashlib.sha256(model.encode()).hexdigest()[:8]
        self._indexed: set[str] = set()
        self._again_at = 0.0

    async def get(self, name: str, *, tenant: str) -> bytes | None:
        """See `KeptAnswers`: whoever asks the same needs no vector."""
        key = self._kept.key(tenant, name)
        value = await self._kept.link.run(lambda: self._kept.link.redis.hget(key, _ANSWER))
        return value if isinstance(value, bytes) else None

    async def nearest(
        self, vector: Sequence[float], *, tenant: str, bucket: str, least: float
    ) -> Nearest | None:
        """See `NearAnswers`."""
        field = self._field(vector)
        if not await self._has_index(field, len(vector)):
            return None
        query = f"(@{_BUCKET}:{{{_tag(tenant, bucket)}}})=>[KNN 1 @{field} $vector AS {_DISTANCE}]"
        reply = await self._ask(
            "FT.SEARCH", self._index(field), query,
            "PARAMS", 2, "vector", _packed(vector),
            "RETURN", 2, _ANSWER, _DISTANCE,
            "DIALECT", 2,
        )  # fmt: skip
        if isinstance(reply, ResponseError):  # somebody removed the index, say: it is made again
            self._indexed.discard(field)
            return None
        return self._found(reply, least)

    async def put(
        self,
        name: str,
        value: bytes,
        vector: Sequence[float],
        *,
        tenant: str,
        bucket: str,
        ttl_s: float,
    ) -> None:
        """See `NearAnswers`."""
        key, field = self._kept.key(tenant, name), self._field(vector)
        fields: dict[bytes | bytearray | memoryview[int] | str | int | float, bytes | str] = {
            _ANSWER: value,
            _BUCKET: _tag(tenant, bucket),
            field: _packed(vector),
        }
        await self._has_index(field, len(vector))

        async def keep() -> None:
            async with self._kept.link.redis.pipeline(transaction=True) as pipeline:
                _ = pipeline.hset(key, mapping=fields)
                _ = pipeline.pexpire(key, milliseconds(ttl_s))
                await pipeline.execute()

        await self._kept.link.run(keep)

    async def delete(self, labels: Sequence[str]) -> int:
        """See `KeptAnswers`."""
        return await self._kept.delete(labels)

    async def flush(self) -> None:
        """See `KeptAnswers`. The index goes first: taking answers out of it one by one is slow."""
        names = await self._ask("FT._LIST")
        for name in names if isinstance(names, list | set) else ():
            if isinstance(name, bytes) and name.startswith(self._kept.prefix.encode()):
                await self._ask("FT.DROPINDEX", name)
        self._indexed.clear()
        await self._kept.flush()

    async def lease(self, name: str, *, tenant: str, holder: str, ttl_s: float) -> bool:
        """See `KeptAnswers`."""
        return await self._kept.lease(name, tenant=tenant, holder=holder, ttl_s=ttl_s)

    async def release(self, name: str, *, tenant: str, holder: str) -> None:
        """See `KeptAnswers`."""
        await self._kept.release(name, tenant=tenant, holder=holder)

    async def ping(self) -> None:
        """See `KeptAnswers`."""
        await self._kept.ping()

    async def can_search(self) -> bool:
        """See `NearAnswers`: not without a search module that we may use."""
        return not isinstance(await self._ask("FT._LIST"), ResponseError)

    async def describe(self) -> ServerInfo:
        """See `KeptAnswers`."""
        return await self._kept.describe()

    async def aclose(self) -> None:
        """See `KeptAnswers`."""
        await self._kept.aclose()

    async def _has_index(self, field: str, dimension: int) -> bool:
        """Make the index of a field unless it is there; False where the server cannot."""
        if field in self._indexed:
            return True
        if self._clock.monotonic() < self._again_at:
            return False
        name = self._index(field)
        made = await self._ask(
            "FT.CREATE", name, "ON", "HASH", "PREFIX", 1, self._kept.prefix,
            "SCHEMA", _BUCKET, "TAG", field, "VECTOR", "HNSW", 6,
            "TYPE", "FLOAT32", "DIM", dimension, "DISTANCE_METRIC", "COSINE",
        )  # fmt: skip
        if isinstance(made, ResponseError) and isinstance(
            await self._ask("FT.INFO", name), ResponseError
        ):
            self._again_at = self._clock.monotonic() + _AGAIN_S
            _log.warning("%s It says: %s", NO_SEARCH, made)
            return False
        self._indexed.add(field)
        return True

    async def _ask(self, *command: str | int | bytes) -> object:
        """Give a reply, or the error that the server replied with: that is no outage."""

        async def asked() -> object:
            try:
                reply: object = await self._kept.link.redis.execute_command(*command)
            except ResponseError as error:
                return error
            return reply

        return await self._kept.link.run(asked)

    def _field(self, vector: Sequence[float]) -> str:
        return f"v{len(vector)}_{self._model}"

    def _index(self, field: str) -> str:
        return f"{self._kept.prefix}{field}"

    def _found(self, reply: object, least: float) -> Nearest | None:
        first = _first(reply)
        if first is None:
            return None
        key, fields = first
        value = fields.get(_ANSWER.encode())
        try:
            similarity = 1 - float(fields[_DISTANCE.encode()])
        except (KeyError, ValueError):
            return None
        if value is None or similarity < least:
            return None
        label = key.decode(errors="replace").removeprefix(self._kept.prefix)
        return Nearest(label=label, value=value, similarity=similarity)


def kind_of(collection: str) -> str:
    """Name the keys of a collection; it keeps gateways that share a Redis apart."""
    return f"hx:near:{collection}:"


def _first(reply: object) -> tuple[bytes, Mapping[bytes, bytes]] | None:
    """Take the first hit out of a reply, which is a map or a list, as the module likes."""
    match reply:
        case {b"results": [{b"id": bytes(key), b"extra_attributes": dict(fields)}, *_]}:
            return key, fields
        case [_, bytes(key), [*flat], *_]:
            parts = [part for part in flat if isinstance(part, bytes)]
            return key, dict(zip(parts[::2], parts[1::2], strict=False))
        case _:
            return None


def _tag(tenant: str, bucket: str) -> str:
    """Name a bucket of one tenant; hex, since tags are cut at anything else."""
    return hashlib.sha256(f"{len(tenant)}:{tenant}{bucket}".encode()).hexdigest()


def _packed(vector: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(vector)}f", *vector)
