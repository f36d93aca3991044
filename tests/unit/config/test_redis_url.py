import pytest

from hx_gateway.config.dsn import BrokenUrl
from hx_gateway.config.redis_url import database_of, is_cluster, parse_redis


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("redis://:p!w@h:6379/1", "redis://:p%21w@h:6379/1"),
        ("rediss://u:p@h", "rediss://u:p@h:6379"),
        ("valkey://h:6380", "redis://h:6380"),
        ("redis+hiredis://h/2", "redis://h:6379/2"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("rediss://h/0?ssl_cert_reqs=none", "rediss://h:6379/0?ssl_cert_reqs=none"),
        ("redis+sentinel://u:p@a,b:1/main", "redis+sentinel://u:p@a:26379,b:1/main"),
        ("valkeys+sentinel://[::1]/main/2", "rediss+sentinel://[::1]:26379/main/2"),
        ("redis+cluster://:p@a,b:1/0", "redis+cluster://:p@a:6379,b:1/0"),
    ],
)
def test_redis_urls_are_normalised(url: str, text: str) -> None:
    assert parse_redis(url).text() == text


@pytest.mark.parametrize(
    "url",
    [
        "http://h",
        "http+sentinel://h/main",
        "redis://",
        "redis://h/name",
        "redis://:p@w@h/0",
        "h:6379",
        "redis+sentinel://h",
        "redis+sentinel://h/0",
        "redis+sentinel:///main",
        "redis+cluster://h/1",
        "redis+cluster://h?db=1",
    ],
)
def test_what_is_no_redis_url_is_refused(url: str) -> None:
    with pytest.raises(BrokenUrl):
        parse_redis(url)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis://h?tiemout=3", "parameter tiemout has no meaning here; known are client_name"),
        ("redis://h?ssl_cert_reqs=none", "parameter ssl_cert_reqs is for TLS; write rediss://"),
    ],
)
def test_a_parameter_that_the_client_would_fail_at_is_refused(url: str, says: str) -> None:
    """It used to end the only task that connects, so that Redis was away for ever."""
    with pytest.raises(BrokenUrl, match=says):
        parse_redis(url)


@pytest.mark.parametrize(
    ("url", "database", "cluster"),
    [
        ("redis://h:6379", 0, False),
        ("redis://h:6379/3?protocol=2", 3, False),
        ("redis+sentinel://h:26379/main", 0, False),
        ("redis+sentinel://h:26379/main/4/", 4, False),
        ("rediss+cluster://h:6379,i:6379", 0, True),
    ],
)
def test_a_normal_address_tells_its_database_and_whether_keys_are_spread(
    url: str, database: int, cluster: bool
) -> None:
    assert (database_of(url), is_cluster(url)) == (database, cluster)
