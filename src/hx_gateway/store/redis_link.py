"""One Redis or Valkey: a pool, a deadline for every command, and a breaker."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError

from hx_gateway.core.clock import Clock, Random, SystemClock, system_random
from hx_gateway.core.errors import DependencyError
from hx_gateway.core.secret import Secret
from hx_gateway.store.breaker import Breaker

T = TypeVar("T")

ROLE = "Redis"
_FAULTS = (RedisError, OSError, TimeoutError)
_LIMIT = 5  # failures in a row: one lost packet must not switch the limits of everybody off
_MAX_CONNECTIONS = 16  # more callers wait for one of them, within the same deadline


class RedisLink:
    """The way to one Redis database.

    Every command ends within `timeout_s`; after five failures in a row commands are refused at once
    until a ping is answered again.
    """

    def __init__(
        self,
        url: Secret | None,
        timeout_s: float,
        clock: Clock | None = None,
        random: Random | None = None,
    ) -> None:
        """Start to connect; needs a running event loop."""
        if url is None:
            raise DependencyError(ROLE, f"{ROLE} is not configured.")
        self._timeout_s = timeout_s
        pool = BlockingConnectionPool.from_url(
            url.reveal(),
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            max_connections=_MAX_CONNECTIONS,
            timeout=timeout_s,
            # The breaker decides about trying again; a hidden second attempt doubles the wait.
            retry=Retry(NoBackoff(), 0),
        )
        self.redis: Redis = Redis.from_pool(pool)
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
            async with asyncio.timeout(self._timeout_s):
                answer = await command()
        except _FAULTS as error:
            reason = _translated(error)
            self._breaker.failed(reason)
            raise reason from error
        self._breaker.succeeded()
        return answer

    async def ping(self) -> None:
        """Raise DependencyError when it does not answer."""
        await self.run(self.redis.ping)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._breaker.aclose()
        await self.redis.aclose()

    async def _probe(self) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self.redis.ping()
        except _FAULTS as error:
            raise _translated(error) from error


def _translated(error: BaseException) -> DependencyError:
    if isinstance(error, AuthenticationError):
        return DependencyError(ROLE, f"{ROLE} refuses the user name or the password.")
    if isinstance(error, TimeoutError):
        return DependencyError(ROLE, f"{ROLE} did not answer in time.")
    return DependencyError(ROLE)
