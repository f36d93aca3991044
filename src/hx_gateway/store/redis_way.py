"""Open the client of a Redis by its address: one server, the primary of Sentinels, or a Cluster.

The address is in the normal form of the configuration: `redis://host:6379/0`,
`redis+sentinel://host:26379,host:26379/service/0` or `redis+cluster://host:6379,host:6379`, each
with `user:password@` and redis-py's parameters, and with `rediss` for TLS.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import msgspec
from redis.asyncio import ConnectionPool, Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from hx_gateway.core.snapshot import RedisSettings

_SHARED = ("socket_", "ssl", "retry")  # what holds for connections to Sentinels as well
_SPARE = 1  # connections beside those of callers: that of the probe


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A client, whose connections may be used by as many callers at once as the settings say.

    `probe_s` is how long it may take to find out who answers: those who do not are asked, too.
    """

    redis: Redis | RedisCluster
    sentinel: Sentinel | None = None
    probe_s: float

    async def aclose(self) -> None:
        """Close all connections."""
        await self.redis.aclose()
        if self.sentinel is not None:
            await self.sentinel.aclose()


def open_way(url: str, settings: RedisSettings) -> Way:
    """Open it without waiting; needs a running event loop."""
    limits: dict[str, Any] = {
        "socket_timeout": settings.timeout,
        "socket_connect_timeout": settings.timeout,
        "max_connections": settings.max_connections + _SPARE,
        # The breaker decides about trying again; a hidden second attempt doubles the wait.
        "retry": Retry(NoBackoff(), 0),
    }
    scheme, _, rest = url.partition("://")
    base, _, kind = scheme.partition("+")
    if not kind:
        told = {**parse_url(url), **limits}
        return Way(redis=Redis.from_pool(ConnectionPool(**told)), probe_s=settings.timeout)
    rest, _, query = rest.partition("?")
    authority, _, path = rest.rstrip("/").partition("/")
    login, at, hosts = authority.rpartition("@")
    nodes = [_host_port(host) for host in hosts.split(",")]
    service, _, database = path.partition("/") if kind == "sentinel" else ("", "", path)
    told = _told(f"{base}://{login}{at}host/{database}?{query}") | limits
    # Each of them may hang; then who they name is asked, and has to answer.
    probe_s = settings.timeout * (len(nodes) + 2)
    if kind == "sentinel":
        redis, sentinel = _by_sentinel(nodes, unquote(service), told, settings)
        return Way(redis=redis, sentinel=sentinel, probe_s=probe_s)
    starts = [ClusterNode(host, port) for host, port in nodes]
    return Way(redis=RedisCluster(startup_nodes=starts, **told), probe_s=probe_s)


def _by_sentinel(
    nodes: Sequence[tuple[str, int]], service: str, told: dict[str, Any], settings: RedisSettings
) -> tuple[Redis, Sentinel]:
    """Connect to whom the first Sentinel that answers names as the primary of a service.

    The Sentinels have a password of their own, and the same TLS.
    """
    to_sentinels = {name: value for name, value in told.items() if name.startswith(_SHARED)}
    if settings.sentinel_password is not None:
        to_sentinels["password"] = settings.sentinel_password.reveal()
    sentinel = Sentinel(nodes, sentinel_kwargs=to_sentinels)  # type: ignore[no-untyped-call]
    redis: Redis = sentinel.master_for(service, **told)
    return redis, sentinel


def _told(url: str) -> dict[str, Any]:
    """Give what an address says beside its hosts, by redis-py's names."""
    told: dict[str, Any] = dict(parse_url(url))
    del told["host"]
    if told.pop("connection_class", None) is SSLConnection:
        told["ssl"] = True
    return told


def _host_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
