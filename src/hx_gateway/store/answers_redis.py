"""Keep answers in Redis or Valkey, shared by all workers and replicas."""

from collections.abc import Sequence

from hx_gateway.core.answers import answer_label
from hx_gateway.core.clock import Clock, Random
from hx_gateway.core.secret import Secret
from hx_gateway.store.redis_link import RedisLink

_PREFIX = "hx:answer:"
_BATCH = 1000
# Taken when free, renewed when ours. In one step, so that nobody comes in between.
_LEASE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class RedisAnswers:
    """Kept answers in one Redis database; `namespace` keeps gateways that share it apart."""

    is_shared = True

    def __init__(
        self,
        url: Secret | None,
        timeout_s: float,
        namespace: str = "",
        clock: Clock | None = None,
        random: Random | None = None,
    ) -> None:
        """Start to connect; needs a running event loop."""
        self._prefix = f"{namespace}:{_PREFIX}" if namespace else _PREFIX
        self._link = RedisLink(url, timeout_s, clock, random)
        self._lease = self._link.redis.register_script(_LEASE)
        self._release = self._link.redis.register_script(_RELEASE)

    async def get(self, name: str, *, tenant: str) -> bytes | None:
        """See `Answers`."""
        key = self._key(tenant, name)
        value = await self._link.run(lambda: self._link.redis.get(key))
        return value.encode() if isinstance(value, str) else value

    async def put(self, name: str, value: bytes, *, tenant: str, ttl_s: float) -> None:
        """See `Answers`."""
        key, life_ms = self._key(tenant, name), _milliseconds(ttl_s)
        await self._link.run(lambda: self._link.redis.set(key, value, px=life_ms))

    async def delete(self, labels: Sequence[str]) -> int:
        """See `Answers`."""
        if not labels:
            return 0
        keys = [self._prefix + label for label in labels]
        return int(await self._link.run(lambda: self._link.redis.delete(*keys)))

    async def flush(self) -> None:
        """See `Answers`. Step by step, so that nobody else of the database has to wait."""
        pattern, cursor = _literal(self._prefix) + "*", 0
        while True:
            cursor, keys = await self._link.run(
                lambda at=cursor: self._link.redis.scan(at, match=pattern, count=_BATCH)  # type: ignore[misc]
            )
            if keys:
                await self._link.run(lambda found=keys: self._link.redis.unlink(*found))  # type: ignore[misc]
            if cursor == 0:
                return

    async def lease(self, name: str, *, tenant: str, holder: str, ttl_s: float) -> bool:
        """See `Answers`."""
        key, life_ms = self._lease_key(tenant, name), _milliseconds(ttl_s)
        return bool(await self._link.run(lambda: self._lease(keys=[key], args=[holder, life_ms])))

    async def release(self, name: str, *, tenant: str, holder: str) -> None:
        """See `Answers`."""
        keys = [self._lease_key(tenant, name)]
        await self._link.run(lambda: self._release(keys=keys, args=[holder]))

    async def ping(self) -> None:
        """See `Answers`."""
        await self._link.ping()

    async def aclose(self) -> None:
        """See `Answers`."""
        await self._link.aclose()

    def _key(self, tenant: str, name: str) -> str:
        return self._prefix + answer_label(tenant, name)

    def _lease_key(self, tenant: str, name: str) -> str:
        return f"{self._key(tenant, name)}:lease"


def _milliseconds(seconds: float) -> int:
    return max(int(seconds * 1000), 1)


def _literal(text: str) -> str:
    """Take the meaning from the characters of a glob pattern."""
    return "".join(f"\\{c}" if c in "*?[]\\^-" else c for c in text)
