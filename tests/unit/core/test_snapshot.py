import pytest

from hx_gateway.core.snapshot import CacheSettings


@pytest.mark.parametrize(
    ("settings", "is_on"),
    [
        (CacheSettings(), False),
        (CacheSettings(enabled=True), True),
        (CacheSettings(enabled=True, operations=()), False),
    ],
)
def test_a_cache_that_keeps_nothing_is_off(settings: CacheSettings, *, is_on: bool) -> None:
    assert settings.is_on is is_on


def test_only_one_type_looks_up_by_meaning() -> None:
    assert CacheSettings(type="qdrant-semantic").is_semantic
    assert not CacheSettings(type="redis").is_semantic
