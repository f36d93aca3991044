from pathlib import Path

import pytest

from hx_gateway.config.scalar import (
    READERS,
    read_bool,
    read_float,
    read_header,
    read_int,
    read_numbers,
    read_on_disconnect,
    read_patterns,
    read_text,
    read_texts,
    read_usd,
)
from hx_gateway.core.secret import Secret


@pytest.mark.parametrize("value", [True, "true", "TRUE", "yes", "on", "1", 1])
def test_what_means_true_is_true(value: object) -> None:
    assert read_bool(value) is True


@pytest.mark.parametrize("value", [False, "false", "No", "off", "0", 0])
def test_what_means_false_is_false(value: object) -> None:
    assert read_bool(value) is False


@pytest.mark.parametrize("value", [60, "60", " 60 ", 60.0, "60.0", "+60"])
def test_a_whole_number_may_be_written_with_a_point(value: object) -> None:
    assert read_int(value) == 60


def test_a_word_that_yaml_takes_for_a_boolean_wants_quotes() -> None:
    with pytest.raises(ValueError, match="put it in quotes"):
        read_text(True)


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (read_bool, "maybe"),
        (read_bool, ""),
        (read_bool, 2),
        (read_bool, None),
        (read_int, "abc"),
        (read_int, "1.5"),
        (read_int, 1.5),
        (read_int, 1e30),
        (read_int, float("nan")),
        (read_int, "60."),
        (read_int, True),
        (read_int, "9" * 5000),
        (read_float, "abc"),
        (read_float, True),
        (read_float, float("nan")),
        (read_float, float("inf")),
        (read_float, "inf"),
        (read_float, None),
        (read_float, []),
        (read_text, ""),
        (read_text, True),
        (read_usd, "free"),
        (read_usd, True),
        (read_usd, -1),
        (read_usd, float("inf")),
        (read_usd, 1e12),
        (read_usd, None),
        (read_text, ["a"]),
        (read_texts, {"a": 1}),
        (read_patterns, ["("]),
        (read_patterns, {"a": 1}),
        (read_header, "bad name"),
        (read_header, "x\r\ny"),
        (read_numbers, [1]),
        (read_numbers, {"a": "x"}),
    ],
)
def test_what_is_of_the_wrong_type_is_refused_without_repeating_it(read, value: object) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="must be"):
        read(value)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("30", 30), ("1.5", 1.5), ("500ms", 0.5), ("5m", 300), ("1h", 3600), ("30d", 2592000), (7, 7)],
)
def test_durations_are_read_in_seconds(value: object, seconds: float) -> None:
    assert read_float(value) == seconds


@pytest.mark.parametrize(
    ("value", "texts"),
    [("a, b,,c ", ("a", "b", "c")), (["a", "b,c"], ("a", "b,c")), ("one", ("one",))],
)
def test_lists_come_from_yaml_or_commas(value: object, texts: tuple[str, ...]) -> None:
    assert read_texts(value) == texts


def test_every_type_of_a_setting_has_its_reader() -> None:
    assert READERS[Path | None]("/x") == Path("/x")
    assert READERS[Secret | None]("k") == Secret("k")
    assert READERS[tuple[Secret, ...]]("a,b") == (Secret("a"), Secret("b"))
    assert READERS[bytes | None]("X-My-Key") == b"x-my-key"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("cancel", 0), ("drain", 60), ("drain(30)", 30), ("Drain( 2m )", 120), ("drain(0.5)", 0.5)],
)
def test_on_disconnect_is_read(value: str, seconds: float) -> None:
    policy = read_on_disconnect(value)
    assert policy.drain_s == seconds
    assert read_on_disconnect(str(policy)) == policy


@pytest.mark.parametrize("value", ["", "keep", "drain()", "drain(0)", "drain(-1)", "drain(x)", 5])
def test_no_other_policy_is(value: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        read_on_disconnect(value)


@pytest.mark.parametrize(
    ("value", "nanos"),
    [(1, 10**9), (0.1, 10**8), ("2.50", 2_500_000_000), ("1e-12", 1), (1e-12, 1), (0, 0)],
)
def test_dollars_are_exact_and_never_rounded_down(value: object, nanos: int) -> None:
    assert read_usd(value) == nanos


def test_patterns_keep_their_commas() -> None:
    assert read_patterns(["^a{1,2}", "b"]) == ("^a{1,2}", "b")
    assert read_patterns("a,b") == ("a,b",)
