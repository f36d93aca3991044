"""Keep answers in Redis or Valkey, shared by all workers and replicas."""

from collections.abc import Sequence
from functools import partial

from hx_gateway.core.answers import ServerInfo, answer_label
from hx_gateway.core.clock import Clock, Random
from hx_gateway.core.errors import DependencyError
from hx_gateway.core.snapshot import RedisSettings
from hx_gateway.store.redis_link import RedisLink

_KIND = "hx:answer:"
_SOME = 50  # answers at once; vectors of 3,072 numbers make two megabytes
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
        settings: RedisSettings,
        namespace: str = "",
        clock: Clock | None = None,
        random: Random | None = None,
        *,
        kind: str = _KIND,
    ) -> None:
        """Start to connect; needs a running event loop. `kind` begins the names of all keys."""
        self.prefix = f"{namespace}:{kind}" if namespace else kind
        self.link = RedisLink(settings, clock, random)
        self._lease = self.link.redis.register_script(_LEASE)
        self._release = self.link.redis.register_script(_RELEASE)

    async def get(self, name: str, *, tenant: str) -> bytes | None:
        """See `Answers`."""
        key = self.key(tenant, name)
        value = await self.link.run(lambda: self.link.redis.get(key))
        return value.encode() if isinstance(value, str) else value

    async def get_all(self, names: Sequence[str], *, tenant: str) -> list[bytes | None]:
        """See `Answers`. Some at a time: each command has to end within the same deadline."""
        found: list[bytes | None] = []
        for begin in range(0, len(names), _SOME):
            keys = [self.key(tenant, name) for name in names[begin : begin + _SOME]]
            values = await self.link.get_all(keys)
            found += [value.encode() if isinstance(value, str) else value for value in values]
        return found

    async def put(self, name: str, value: bytes, *, tenant: str, ttl_s: float) -> None:
        """See `Answers`."""
        key, life_ms = self.key(tenant, name), milliseconds(ttl_s)
        await self.link.run(lambda: self.link.redis.set(key, value, px=life_ms))

    async def delete(self, labels: Sequence[str]) -> int:
        """See `Answers`."""
        return await self._remove([self.prefix + label for label in labels])

    async def flush(self) -> None:
        """See `Answers`. Step by step, so that nobody else of the database has to wait."""
        async for keys in self.link.scan(_literal(self.prefix) + "*"):
            await self._remove(keys)

    async def _remove(self, keys: Sequence[str | bytes]) -> int:
        """Remove some keys at a time: each command has to end within the same deadline."""
        gone = 0
        for begin in range(0, len(keys), _SOME):
            some = keys[begin : begin + _SOME]
            gone += int(await self.link.run(partial(self.link.redis.unlink, *some)))
        return gone

    async def lease(self, name: str, *, tenant: str, holder: str, ttl_s: float) -> bool:
        """See `Answers`."""
        key, life_ms = self._lease_key(tenant, name), milliseconds(ttl_s)
        return bool(await self.link.run(lambda: self._lease(keys=[key], args=[holder, life_ms])))

    async def release(self, name: str, *, tenant: str, holder: str) -> None:
        """See `Answers`."""
        keys = [self._lease_key(tenant, name)]
        await self.link.run(lambda: self._release(keys=keys, args=[holder]))

    async def ping(self) -> None:
        """See `Answers`."""
        await self.link.ping()

    async def describe(self) -> ServerInfo:
        """See `Answers`. A server that does not tell us who is connected tells the rest."""
        facts = await self.link.ask_each(self.link.redis.info)
        try:
            told = await self.link.ask_each(self.link.redis.client_list)
        except DependencyError:
            told = {}
        clients = tuple(client for each in told.values() for client in each)
        return ServerInfo(clients=clients, facts=facts.get("", facts))

    async def aclose(self) -> None:
        """See `Answers`."""
        await self.link.aclose()

    def key(self, tenant: str, name: str) -> str:
        """Give the key of an answer."""
        return self.prefix + answer_label(tenant, name)

    def _lease_key(self, tenant: str, name: str) -> str:
        return f"{self.key(tenant, name)}:lease"


def milliseconds(seconds: float) -> int:
    """Give a life time as Redis takes it, which must not be 0."""
    return max(int(seconds * 1000), 1)


def _literal(text: str) -> str:
    """Take the meaning from the characters of a glob pattern."""
    return "".join(f"\\{c}" if c in "*?[]\\^-" else c for c in text)
