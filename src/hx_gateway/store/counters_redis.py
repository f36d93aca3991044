"""Count in Redis or Valkey, shared by all workers and replicas."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError

from hx_gateway.core.clock import Clock, Random, SystemClock, system_random
from hx_gateway.core.errors import DependencyError
from hx_gateway.core.snapshot import RedisSettings
from hx_gateway.store.breaker import Breaker

T = TypeVar("T")

ROLE = "Redis"
_FAULTS = (RedisError, OSError, TimeoutError)
_LIMIT = 5  # failures in a row: one lost packet must not switch the limits of everybody off
_MAX_CONNECTIONS = 16  # more callers wait for one of them, within the same deadline

# One step, so that a counter without a life time cannot be left behind by whoever dies in between.
# The life time starts at the first addition and is not moved by later ones.
_ADD = """
local value = redis.call('INCRBY', KEYS[1], ARGV[1])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return value
"""


class RedisCounters:
    """Counters in one Redis database; every name begins with `prefix`.

    Every call ends within `timeout`; after five failures in a row calls are refused at once until
    a ping is answered again.
    """

    def __init__(
        self,
        settings: RedisSettings,
        clock: Clock | None = None,
        random: Random | None = None,
        prefix: str = "hx:",
    ) -> None:
        """Start to connect; needs a running event loop."""
        if settings.url is None:
            raise DependencyError(ROLE, f"{ROLE} is not configured.")
        self._timeout = settings.timeout
        self._prefix = prefix
        pool = BlockingConnectionPool.from_url(
            settings.url.reveal(),
            socket_timeout=settings.timeout,
            socket_connect_timeout=settings.timeout,
            max_connections=_MAX_CONNECTIONS,
            timeout=settings.timeout,
            # The breaker decides about trying again; a hidden second attempt doubles the wait.
            retry=Retry(NoBackoff(), 0),
        )
        self._redis: Redis = Redis.from_pool(pool)
        self._add = self._redis.register_script(_ADD)
        self._breaker = Breaker(
            self._probe,
            DependencyError(ROLE),
            clock=clock or SystemClock(),
            random=random or system_random(),
            limit=_LIMIT,
        )

    async def add(self, name: str, amount: int, ttl_s: float) -> int:
        """See `Counters`."""
        life_ms = max(int(ttl_s * 1000), 1)
        keys, arguments = [self._prefix + name], [amount, life_ms]
        return int(await self._run(lambda: self._add(keys=keys, args=arguments)))

    async def get(self, name: str) -> int:
        """See `Counters`."""
        return int(await self._run(lambda: self._redis.get(self._prefix + name)) or 0)

    async def put(self, name: str, value: bytes, ttl_s: float) -> None:
        """See `Counters`."""
        life_ms = max(int(ttl_s * 1000), 1)
        await self._run(lambda: self._redis.set(self._prefix + name, value, px=life_ms))

    async def take(self, name: str) -> bytes | None:
        """See `Counters`."""
        value = await self._run(lambda: self._redis.get(self._prefix + name))
        return value.encode() if isinstance(value, str) else value

    async def delete(self, names: Sequence[str]) -> int:
        """See `Counters`."""
        if not names:
            return 0
        keys = [self._prefix + name for name in names]
        return int(await self._run(lambda: self._redis.delete(*keys)))

    async def ping(self) -> None:
        """See `Counters`."""
        await self._run(self._redis.ping)

    async def aclose(self) -> None:
        """See `Counters`."""
        await self._breaker.aclose()
        await self._redis.aclose()

    async def _run(self, command: Callable[[], Awaitable[T]]) -> T:
        await self._breaker.admit(self._timeout)
        try:
            async with asyncio.timeout(self._timeout):
                answer = await command()
        except _FAULTS as error:
            reason = _translated(error)
            self._breaker.failed(reason)
            raise reason from error
        self._breaker.succeeded()
        return answer

    async def _probe(self) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await self._redis.ping()
        except _FAULTS as error:
            raise _translated(error) from error


def _translated(error: BaseException) -> DependencyError:
    if isinstance(error, AuthenticationError):
        return DependencyError(ROLE, f"{ROLE} refuses the user name or the password.")
    if isinstance(error, TimeoutError):
        return DependencyError(ROLE, f"{ROLE} did not answer in time.")
    return DependencyError(ROLE)
