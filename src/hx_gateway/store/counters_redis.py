"""Count in Redis or Valkey, shared by all workers and replicas."""

from collections.abc import Sequence

from hx_gateway.core.clock import Clock, Random
from hx_gateway.core.snapshot import RedisSettings
from hx_gateway.store.redis_link import RedisLink

# One step, so that a counter without a life time cannot be left behind by whoever dies in between.
# The life time starts at the first addition and is not moved by later ones.
_ADD = """
local value = redis.call('INCRBY', KEYS[1], ARGV[1])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return value
"""


class RedisCounters:
    """Counters in one Redis database; every name begins with `prefix`."""

    def __init__(
        self,
        settings: RedisSettings,
        clock: Clock | None = None,
        random: Random | None = None,
        prefix: str = "hx:",
    ) -> None:
        """Start to connect; needs a running event loop."""
        self._prefix = prefix
        self._link = RedisLink(settings, clock, random)
        self._add = self._link.redis.register_script(_ADD)

    async def add(self, name: str, amount: int, ttl_s: float) -> int:
        """See `Counters`."""
        life_ms = max(int(ttl_s * 1000), 1)
        keys, arguments = [self._prefix + name], [amount, life_ms]
        return int(await self._link.run(lambda: self._add(keys=keys, args=arguments)))

    async def get(self, name: str) -> int:
        """See `Counters`."""
        return int(await self._link.run(lambda: self._link.redis.get(self._prefix + name)) or 0)

    async def put(self, name: str, value: bytes, ttl_s: float) -> None:
        """See `Counters`."""
        life_ms = max(int(ttl_s * 1000), 1)
        await self._link.run(lambda: self._link.redis.set(self._prefix + name, value, px=life_ms))

    async def take(self, name: str) -> bytes | None:
        """See `Counters`."""
        value = await self._link.run(lambda: self._link.redis.get(self._prefix + name))
        return value.encode() if isinstance(value, str) else value

    async def delete(self, names: Sequence[str]) -> int:
        """See `Counters`."""
        if not names:
            return 0
        keys = [self._prefix + name for name in names]
        return int(await self._link.run(lambda: self._link.redis.delete(*keys)))

    async def ping(self) -> None:
        """See `Counters`."""
        await self._link.ping()

    async def aclose(self) -> None:
        """See `Counters`."""
        await self._link.aclose()
