"""Money is whole nano-dollars, never less than the price."""

import pytest

from hx_gateway.core.usage import MOST_TOKENS, Measured, Price, Told, Usage, counted, usd


@pytest.mark.parametrize(
    ("price", "usage", "nanos"),
    [
        (Price(), Usage(input=10, output=10), 0),
        (Price(input=2_500_000_000, output=10_000_000_000), Usage(input=1, output=1), 12_500),
        (Price(input=1), Usage(input=1), 1),  # rounded up
        (Price(input=1_000_000, cached_read=500_000), Usage(input=10, cached_read=4), 8),
        (Price(input=1_000_000), Usage(input=10, cached_read=4), 10),
        (Price(input=1_000_000, cached_write=2_000_000), Usage(input=3, cached_write=1), 4),
        (Price(search=2_000_000), Measured(searches=3), 6),
        (Price(audio_second=100_000_000), Measured(audio_ms=1500), 150),
        (Price(audio_second=1), Measured(audio_ms=1), 1),  # rounded up
        (Price(image=4_000_000), Measured(images=2, input=9), 8),
        (Price(input=1_000_000, image=4_000_000), Measured(images=2, input=9), 9),  # not both
        (Price(), Measured(searches=1, audio_ms=5, images=1), 0),
    ],
)
def test_a_usage_is_priced(price: Price, usage: Usage, nanos: int) -> None:
    assert price.cost(usage) == nanos


@pytest.mark.parametrize(
    ("nanos", "text"),
    [(0, "0"), (1, "0.000000001"), (2_500, "0.0000025"), (-1_500_000_000, "-1.5"), (10**9, "1")],
)
def test_dollars_are_written_without_rounding(nanos: int, text: str) -> None:
    assert usd(nanos) == text


@pytest.mark.parametrize(
    ("told", "tokens"),
    [
        (7, 7), (7.0, 7), (6.2, 7), (0, 0), (None, 0), (-1, 0), (-0.5, 0), (1e300, 0),
        (MOST_TOKENS, MOST_TOKENS), (MOST_TOKENS + 1, 0), (float("nan"), 0),
    ],
)  # fmt: skip
def test_what_an_upstream_counts_is_a_whole_number(told: Told, tokens: int) -> None:
    assert counted(told) == tokens
    assert type(counted(told)) is int
