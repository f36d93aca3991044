from redis.asyncio import Redis, RedisCluster
from redis.asyncio.connection import SSLConnection
from redis.asyncio.sentinel import SentinelConnectionPool, SentinelManagedSSLConnection

from hx_gateway.core.secret import Secret
from hx_gateway.core.snapshot import RedisSettings
from hx_gateway.store.redis_way import Way, open_way

SETTINGS = RedisSettings(timeout=0.5, max_connections=4, sentinel_password=Secret("of the three"))


def opened(url: str) -> Way:
    return open_way(url, SETTINGS)


async def test_one_server_has_a_connection_for_each_caller_and_one_for_the_probe() -> None:
    way = opened("redis://u:p@h:6379/2?max_connections=1&socket_timeout=9")
    assert isinstance(way.redis, Redis)
    pool = way.redis.connection_pool
    assert pool.max_connections == 5
    told = pool.connection_kwargs
    assert (told["username"], told["password"], told["db"]) == ("u", "p", 2)
    assert (told["socket_timeout"], way.probe_s) == (0.5, 0.5)
    await way.aclose()


async def test_sentinels_have_a_password_of_their_own_and_the_same_tls() -> None:
    way = opened("rediss+sentinel://u:p%40@[::1]:1,b:2/a%2Fb/3?ssl_cert_reqs=none")
    assert way.sentinel is not None
    assert isinstance(way.redis, Redis)
    pool = way.redis.connection_pool
    assert isinstance(pool, SentinelConnectionPool)
    assert (pool.service_name, pool.connection_class) == ("a/b", SentinelManagedSSLConnection)
    told = pool.connection_kwargs
    assert (told["username"], told["password"], told["db"]) == ("u", "p@", 3)
    assert (told["ssl_cert_reqs"], pool.max_connections) == ("none", 5)
    hosts = []
    for sentinel in way.sentinel.sentinels:
        asked = sentinel.connection_pool
        told = asked.connection_kwargs
        hosts.append((told["host"], told["port"]))
        assert asked.connection_class is SSLConnection
        assert (told["username"], told["password"]) == (None, "of the three")
        assert (told["ssl_cert_reqs"], told["socket_timeout"]) == ("none", 0.5)
    assert hosts == [("::1", 1), ("b", 2)]
    assert way.probe_s == 2.0  # both may hang, then the primary is asked
    await way.aclose()


async def test_a_cluster_is_found_by_any_of_its_nodes() -> None:
    way = opened("rediss+cluster://:p@a:1,b:2?ssl_check_hostname=false")
    assert isinstance(way.redis, RedisCluster)
    assert sorted(way.redis.nodes_manager.startup_nodes) == ["a:1", "b:2"]
    told = way.redis.connection_kwargs
    assert (told["password"], told["max_connections"]) == ("p", 5)
    assert told["connection_class"] is SSLConnection
    assert told["ssl_check_hostname"] is False
    await way.aclose()
