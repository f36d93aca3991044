"""How long a key lives: strict, because a typing error must not mean for ever."""

from datetime import UTC, datetime

import pytest

from hx_gateway.core.duration import end_of
from hx_gateway.core.errors import InvalidRequest


def at(*moment: int) -> float:
    return datetime(*moment, tzinfo=UTC).timestamp()  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("30s", 30), ("30m", 1800), ("30h", 108_000), ("30d", 2_592_000), ("2w", 1_209_600)],
)
def test_units(duration: str, seconds: int) -> None:
    assert end_of(duration, 1000.0) == 1000.0 + seconds


@pytest.mark.parametrize(
    ("begin", "duration", "end"),
    [
        ((2026, 1, 15), "1mo", (2026, 2, 15)),
        ((2026, 1, 31), "1mo", (2026, 2, 28)),
        ((2028, 1, 31), "1mo", (2028, 2, 29)),
        ((2026, 12, 1), "1mo", (2027, 1, 1)),
        ((2026, 11, 30), "15mo", (2028, 2, 29)),
    ],
)
def test_a_month_ends_on_its_day_or_the_last_one(
    begin: tuple[int, ...], duration: str, end: tuple[int, ...]
) -> None:
    assert end_of(duration, at(*begin)) == at(*end)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "30",
        "d",
        "0d",
        "-1d",
        "1.5h",
        "1y",
        "1 d",
        "1d ",
        "1D",
        "1d1h",
        "٣d",
        "1mo\n",
        "9" * 30 + "s",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        end_of(text, 0.0)
    assert refusal.value.param == "duration"


@pytest.mark.parametrize("text", ["1201mo", "36601d", "999999999w"])
def test_over_a_hundred_years_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="100 years"):
        end_of(text, at(2026, 1, 1))
