import math

import pytest

from hx_gateway.config.prices import open_table, read_price
from hx_gateway.core.usage import Measured, Usage


@pytest.mark.parametrize(
    ("dollars", "nanos"),
    [
        (2.5e-06, 2_500_000_000),
        ("2.5e-06", 2_500_000_000),
        ("5e-7", 500_000_000),
        (0.1, 10**14),
        (0, 0),
        (1e-15, 1),
        ("1e-16", 1),
        (1, 10**15),
    ],
)
def test_a_price_is_exact_and_never_rounded_down(dollars: object, nanos: int) -> None:
    assert read_price(dollars) == nanos


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, -1e-6, True, False, "1e309", "NaN", "free", None, [], 2.5],
)
def test_what_is_no_price_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"must be|more than a dollar"):
        read_price(value)


def test_the_table_knows_well_known_models() -> None:
    key, facts = open_table().look_up("gpt-4o")
    assert key == "gpt-4o"
    assert {"vision", "function_calling"} < facts.features
    assert "reasoning" not in facts.features
    assert facts.mode == "chat"
    assert facts.max_input == 128_000
    assert facts.price is not None
    million = Usage(input=1_000_000)
    assert facts.price.cost(million) == 2_500_000_000  # 2.50 dollars


@pytest.mark.parametrize(
    ("name", "usage", "nanos"),
    [
        ("whisper-1", Measured(audio_ms=60_000), 6_000_000),  # 0.006 dollars a minute
        ("rerank-v3.5", Measured(searches=1000), 2_000_000_000),
    ],
)
def test_the_table_knows_other_units_than_tokens(name: str, usage: Usage, nanos: int) -> None:
    _, facts = open_table().look_up(name)
    assert facts.price is not None
    assert facts.price.cost(usage) == nanos


def test_the_whole_table_can_be_read() -> None:
    table = open_table()
    for name in table._rows:
        _, facts = table.look_up(name)
        assert facts.price is None or min(facts.price.input, facts.price.output) >= 0
