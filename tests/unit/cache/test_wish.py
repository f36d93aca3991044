import msgspec
import pytest

from hx_gateway.cache.wish import read_wish
from hx_gateway.core.call import CacheWish
from hx_gateway.core.errors import Forbidden, InvalidRequest
from hx_gateway.core.principal import Principal, Scope
from hx_gateway.core.wire import raw

KEY = Principal(key_id="k", scopes=frozenset({Scope.INFERENCE}))


def key(**metadata: object) -> Principal:
    return msgspec.structs.replace(KEY, metadata=metadata)


@pytest.mark.parametrize(
    ("body", "wish"),
    [
        (None, None),
        ({}, None),
        ({"ttl": 60}, CacheWish(ttl_s=60)),
        ({"ttl": 0}, CacheWish(writes=False)),
        ({"s-maxage": 30}, CacheWish(max_age_s=30)),
        ({"s-max-age": 30}, CacheWish(max_age_s=30)),
        ({"no-cache": True}, CacheWish(reads=False)),
        ({"no-store": True}, CacheWish(writes=False)),
        ({"use-cache": True}, CacheWish(uses=True)),
        ({"namespace": "n"}, CacheWish(namespace="n")),
        ({"no-cache": False, "unknown": 1}, None),
    ],
)
def test_the_body_says_what_is_wanted(body: object, wish: CacheWish | None) -> None:
    assert read_wish(None if body is None else raw(body), None, KEY) == wish


@pytest.mark.parametrize(
    ("header", "wish"),
    [
        ("no-cache", CacheWish(reads=False)),
        ("No-Store", CacheWish(writes=False)),
        ("s-maxage=5, max-age=9", CacheWish(max_age_s=5)),
        ("max-age=0", None),
        ("private, s-maxage=x", None),
        ("no-cache, no-store", CacheWish(reads=False, writes=False)),
    ],
)
def test_the_header_says_what_is_wanted(header: str, wish: CacheWish | None) -> None:
    assert read_wish(None, header, KEY) == wish


def test_the_body_wins_over_the_header_and_the_key_over_the_body() -> None:
    assert read_wish(raw({"s-maxage": 3}), "s-maxage=5", KEY) == CacheWish(max_age_s=3)
    agent = key(cache={"no-cache": True})
    assert read_wish(raw({"no-cache": False}), None, agent) == CacheWish(reads=False)
    assert read_wish(None, None, agent) == CacheWish(reads=False)


@pytest.mark.parametrize("body", [5, [], {"ttl": -1}, {"ttl": "x"}, {"no-cache": "yes"}])
def test_what_cannot_be_read_is_refused_by_name(body: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_wish(raw(body), None, KEY)
    assert caught.value.param == "cache"


def test_a_key_may_use_the_controls_it_is_given() -> None:
    narrow = key(allowed_cache_controls=["ttl"])
    assert read_wish(raw({"ttl": 5}), None, narrow) == CacheWish(ttl_s=5)
    with pytest.raises(Forbidden) as caught:
        read_wish(raw({"no-cache": True}), None, narrow)
    assert caught.value.error_code == "cache_control_not_allowed"


def test_a_header_that_a_key_may_not_use_is_ignored_as_a_proxy_may_have_set_it() -> None:
    assert read_wish(None, "no-cache", key(allowed_cache_controls=["ttl"])) is None


@pytest.mark.parametrize("named", [[], ["*"], "ttl"])
def test_a_key_that_names_no_controls_may_use_all(named: object) -> None:
    body = raw({"no-cache": True})
    assert read_wish(body, None, key(allowed_cache_controls=named)) == CacheWish(reads=False)


def test_a_body_can_do_without_caching_at_all() -> None:
    neither = CacheWish(reads=False, writes=False)
    assert read_wish(None, None, KEY, caching=False) == neither
    assert read_wish(raw({"ttl": 5}), None, KEY, caching=False) == msgspec.structs.replace(
        neither, ttl_s=5
    )
    with pytest.raises(Forbidden):
        read_wish(None, None, key(allowed_cache_controls=["ttl"]), caching=False)
