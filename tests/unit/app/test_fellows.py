"""What keeps several processes from serving a configuration as one."""

from pathlib import Path

import pytest

from hx_gateway.app.fellows import problems_of_sharing
from hx_gateway.core.secret import Secret
from hx_gateway.core.snapshot import CACHED_OPERATIONS, CacheSettings, RedisSettings, Snapshot

REDIS = RedisSettings(url=Secret("redis://r"))


def snapshot(redis: RedisSettings, type_: str | None = None) -> Snapshot:
    cache = CacheSettings(
        enabled=type_ is not None, type=type_ or "redis", operations=CACHED_OPERATIONS
    )
    return Snapshot(state_dir=Path("/s"), routes={}, redis=redis, cache=cache)


def test_counters_must_be_shared() -> None:
    (problem,) = problems_of_sharing(snapshot(RedisSettings()))
    assert "--workers" in problem
    assert "REDIS_URL" in problem
    assert problems_of_sharing(snapshot(REDIS)) == ()


@pytest.mark.parametrize(
    ("type_", "is_good"),
    [("redis", True), ("qdrant-semantic", True), ("local", False), ("disk", False)],
)
def test_kept_answers_must_be_shared(type_: str, is_good: bool) -> None:
    """A flush would reach the one process that is asked, and the others go on with theirs."""
    problems = problems_of_sharing(snapshot(REDIS, type_))
    assert (not problems) is is_good
    assert all(type_ in problem for problem in problems)
