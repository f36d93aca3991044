"""One Redis or Valkey: a deadline for every command, and a breaker.

What differs where the keys are spread over a Cluster is here, so that nobody else has to know.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from redis.asyncio import RedisCluster
from redis.asyncio.sentinel import MasterNotFoundError
from redis.exceptions import AuthenticationError, RedisClusterException, RedisError

from hx_gateway.core.clock import Clock, Random, SystemClock, system_random
from hx_gateway.core.errors import DependencyError
from hx_gateway.core.snapshot import RedisSettings
from hx_gateway.store.breaker import Breaker
from hx_gateway.store.redis_way import open_way

T = TypeVar("T")

ROLE = "Redis"
_FAULTS = (RedisError, RedisClusterException, OSError, TimeoutError)
_LIMIT = 5  # failures in a row: one lost packet must not switch the limits of everybody off
_BATCH = 1000  # keys that are looked at in one step


class RedisLink:
    """The way to one Redis database.

    Every command ends within `timeout_s`; after five failures in a row commands are refused at once
    until a ping is answered again.
    """

    def __init__(
        self, settings: RedisSettings, clock: Clock | None = None, random: Random | None = None
    ) -> None:
        """Start to connect; needs a running event loop."""
        if settings.url is None:
            raise DependencyError(ROLE, f"{ROLE} is not configured.")
        self._timeout_s = settings.timeout
        self._way = open_way(settings.url.reveal(), settings)
        self.redis = self._way.redis
        # More callers than connections wait for one, within the same deadline.
        self._places = asyncio.Semaphore(settings.max_connections)
        self._breaker = Breaker(
            self._probe,
            DependencyError(ROLE),
            clock=clock or SystemClock(),
            random=random or system_random(),
            limit=_LIMIT,
        )

    async def run(self, command: Callable[[], Awaitable[T]]) -> T:
        """Run one command; raises DependencyError."""
        await self._breaker.admit(self._timeout_s)
        try:
            async with asyncio.timeout(self._timeout_s), self._places:
                answer = await command()
        except _FAULTS as error:
            reason = _translated(error)
            self._breaker.failed(reason)
            raise reason from error
        self._breaker.succeeded()
        return answer

    async def ping(self) -> None:
        """Raise DependencyError when it does not answer."""
        await self.run(self._ping)

    async def get_all(self, keys: Sequence[str]) -> list[Any]:
        """Get the values of some keys, None for those that are not there."""
        if isinstance(self.redis, RedisCluster):
            return await self.run(partial(self.redis.mget_nonatomic, keys))
        return await self.run(partial(self.redis.mget, keys))

    async def scan(self, pattern: str) -> AsyncIterator[list[Any]]:
        """Give the keys like a pattern, some at a time, so that nobody else has to wait."""
        for _, target in await self._servers():
            cursor: int | None = None
            while cursor != 0:
                step: Callable[[], Awaitable[Any]] = partial(
                    self.redis.scan, cursor or 0, match=pattern, count=_BATCH, **target
                )
                told, keys = await self.run(step)
                (cursor,) = told.values() if isinstance(told, dict) else (told,)
                yield keys

    async def ask_each(self, command: Callable[..., Awaitable[T]]) -> dict[str, T]:
        """Ask the server; of a Cluster each primary, by its name."""
        servers = await self._servers()
        return {name: await self.run(partial(command, **target)) for name, target in servers}

    async def aclose(self) -> None:
        """Close the connections."""
        await self._breaker.aclose()
        await self._way.aclose()

    async def _servers(self) -> list[tuple[str, dict[str, Any]]]:
        """Name the servers that have keys, and give what commands need to be sent there."""
        if not isinstance(self.redis, RedisCluster):
            return [("", {})]
        _ = await self.run(self.redis.initialize)  # finds out who they are, unless that is known
        return [(node.name, {"target_nodes": node}) for node in self.redis.get_primaries()]

    async def _ping(self) -> None:
        """Ask the server; of a Cluster all primaries, for each has keys of its own."""
        if isinstance(self.redis, RedisCluster):
            _ = await self.redis.ping(target_nodes=RedisCluster.PRIMARIES)
        else:
            await self.redis.ping()

    async def _probe(self) -> None:
        try:
            async with asyncio.timeout(self._way.probe_s):
                await self._ping()
        except _FAULTS as error:
            raise _translated(error) from error


def _translated(error: BaseException) -> DependencyError:
    if isinstance(error, AuthenticationError):
        return DependencyError(ROLE, f"{ROLE} refuses the user name or the password.")
    if isinstance(error, MasterNotFoundError):
        return DependencyError(ROLE, f"No Sentinel that answers names a primary {ROLE}.")
    if isinstance(error, TimeoutError):
        return DependencyError(ROLE, f"{ROLE} did not answer in time.")
    return DependencyError(ROLE)
