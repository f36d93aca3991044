"""JSON that every reader reads the same: what is refused beyond the grammar, and what never is."""

import json
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hx_gateway.core import strict
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.core.wire import decode_fields

PADDING = b'"pad":"' + b"x" * strict.LARGE + b'"'
LONG = b"1" * strict.MAX_DIGITS


@pytest.mark.parametrize(
    ("body", "is_deep"),
    [
        (b'{"a":' + b"[" * 63 + b"]" * 63 + b"}", False),
        (b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", True),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", True),
        (b'{"a":' + b"[[],{}]," * 1000 + b"1}", False),
        (b'{"a":"' + b"[" * 1000 + b'"}', False),  # brackets in a text are no nesting
        (b'{"a":"\\"' + b"[" * 1000 + b'\\\\"}', False),
        (b'{"a":"\\n",' + b'"b":"\\\\",' * 100 + b'"c":' + b"[" * 70 + b"]" * 70 + b"}", True),
    ],
)
def test_nesting_is_bounded(body: bytes, is_deep: bool) -> None:
    if is_deep:
        with pytest.raises(InvalidRequest):
            strict.check_depth(body)
    else:
        strict.check_depth(body)


@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")])
def test_a_body_of_64_levels_is_taken_and_one_of_65_is_not(brackets: tuple[bytes, bytes]) -> None:
    def nested(levels: int) -> bytes:
        return b'{"a":' + brackets[0] * levels + b"1" + brackets[1] * levels + b"}"

    decode_fields(nested(63))
    with pytest.raises(InvalidRequest, match="deeper than 64"):
        decode_fields(nested(64))


def test_a_flood_of_lists_is_refused_where_each_level_is_looked_at() -> None:
    lists = b",".join([b"[]"] * (strict.MAX_CONTAINERS + 1))
    with pytest.raises(InvalidRequest, match="too many lists"):
        strict.check_depth(b'{"a":[' + lists + b"]}")


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'{"model":"a","model":"b"}', "model"),
        (b'{"model":"a","model":"a"}', "model"),
        (b'{"model":"a","mod\\u0065l":"b"}', "model"),
        (b'{"mod\\u0065l":"a", "x":[1], "model":"b"}', "model"),
        (b'{ "a" : 1 , "b":2,"a":3}', "a"),
        (b'{"a":1,"b":2,"b":2}', "b"),
        (b'{"n":12,"n":1}', "n"),  # the value kept is the beginning of the one lost
        (b'{"":1,"":2}', ""),
        (b'{"a":{"b":1},"c":[],"a":{"b":1}}', "a"),
        ('{"ä":1,"\\u00e4":2}'.encode(), "ä"),
    ],
)
@pytest.mark.parametrize("is_large", [False, True])
def test_a_field_given_twice_is_named(body: bytes, name: str, is_large: bool) -> None:
    if is_large:
        body = body[:-1] + b"," + PADDING + b"}"
    with pytest.raises(InvalidRequest) as caught:
        decode_fields(body)
    assert caught.value.param == name
    assert caught.value.message == f"'{name}' is given twice."


@pytest.mark.parametrize(
    "value",
    [
        b'[{"role":"user","content":"a","role":"system"}]',
        b'[{"role":"user", "content":"a", "role":"user"}]',
        b'{"b":{"c":{"d":{"e":{"f":{"g":{"h":{"i":1,"i":1}}}}}}}}',
        b'[{"a":"{\\"x\\":1,\\"x\\":2}","a":"\\\\"}]',
        b'[{"a":1,"\\u0061":2}]',
    ],
)
def test_a_key_is_once_in_an_object_at_any_depth(value: bytes) -> None:
    with pytest.raises(InvalidRequest, match="same key twice"):
        decode_fields(b'{"model":"m","messages":' + value + b"}")


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b'"a:b"', 0),
        (b'{"a":1,"a":{":":"::"}}', 3),
        (b'[{"\\":":"},{""":1}]', 2),
        (b"[1,2]", 0),
    ],
)
def test_keys_are_counted_as_often_as_they_are_written(body: bytes, count: int) -> None:
    assert strict.count_written_keys(body) == count


@pytest.mark.parametrize(
    ("number", "is_long"),
    [
        (LONG, False),
        (b"-" + LONG, False),
        (b"0." + LONG[1:], False),
        (LONG + b"1", True),
        (b"-" + LONG + b"1", True),
        (b"0." + LONG, True),
        (LONG[:16] + b"." + LONG[:17], True),
        (LONG[:16] + b"." + LONG[:16] + b"e5", False),
        (b"1e-" + LONG + b"1", True),
        (b'"' + LONG * 3 + b'"', False),  # a text, however long
        (b'"\\"' + LONG * 3 + b'"', False),
    ],
)
def test_digits_of_a_number_are_bounded(number: bytes, is_long: bool) -> None:
    body = b'{"model":"m", "metadata":{"n":[' + number + b"]}}"
    if is_long:
        with pytest.raises(InvalidRequest, match="more than 32 digits"):
            decode_fields(body)
    else:
        decode_fields(body)


@pytest.mark.parametrize("number", [b"1e400", b"-1e999", b"9" * 5000])
def test_a_number_that_would_be_infinite_is_refused(number: bytes) -> None:
    with pytest.raises(InvalidRequest, match=r"too large|digits"):
        decode_fields(b'{"model":"m","n":' + number + b"}")


@pytest.mark.parametrize(
    "value",
    [
        b'"\\ud800"',
        b'"\\ud800 and more text"',
        b'"\\udc00\\ud800"',
        b'["\\ud83d\\u0041bc"]',
        b'{"\\udfff":1}',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b"NaN",
        b"-Infinity",
        b"01",
    ],
)
@pytest.mark.parametrize("is_large", [False, True])
def test_what_no_reader_should_guess_at_is_refused(value: bytes, is_large: bool) -> None:
    rest = b"," + PADDING if is_large else b""
    for body in (b'{"a":' + value + rest + b"}", b'\xef\xbb\xbf{"a":1' + rest + b"}"):
        with pytest.raises(InvalidRequest):
            decode_fields(body)


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**32) + 1, 10**32 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(['"', "\\", '\\"', '{"a":1,"a":1}', "[" * 70, "1" * 40, ":", "😀", "\x7f/"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12
)
objects = st.dictionaries(st.text() | st.sampled_from(["model", "messages"]), values)
writers: st.SearchStrategy[Callable[[object], bytes]] = st.sampled_from(
    [
        msgspec.json.encode,
        lambda value: json.dumps(value).encode(),
        lambda value: json.dumps(value, separators=(",", ":")).encode(),
        lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(),
        lambda value: json.dumps(value, ensure_ascii=False, indent=2).encode(),
        lambda value: json.dumps(value, indent="\t").replace("/", "\\/").encode() + b"\r\n",
    ]
)


@settings(max_examples=60, deadline=None)
@given(value=objects, write=writers)
def test_no_object_is_refused_however_it_is_written(
    value: dict[str, object], write: Callable[[object], bytes]
) -> None:
    body = write(value)
    assert list(decode_fields(body)) == list(value)
    strict._check_fields(body)


@settings(max_examples=60, deadline=None)
@given(value=objects.filter(bool), write=writers, data=st.data())
def test_no_object_passes_with_a_key_twice(
    value: dict[str, object], write: Callable[[object], bytes], data: st.DataObject
) -> None:
    """One of the fields is said again somewhere, at the top or further down."""
    name = data.draw(st.sampled_from(list(value)))
    again = write({name: data.draw(scalars)}).strip()[1:-1].strip()
    body = write(value).strip()
    body = body[:-1].rstrip() + b", " + again + b"}"
    with pytest.raises(InvalidRequest) as caught:
        decode_fields(body)
    assert caught.value.param == name[:100]
    with pytest.raises(InvalidRequest):
        decode_fields(b'{"in":[' + body + b"]}")


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a": 1}',
        b' {"a":1}',
        b'{"a":1e2}',
        b'{"a":1.00}',
        b'{"a":' + LONG + b"}",
        b'{"a":"\\u0061"}',
        b'{"a":"\xff"}',
        b'{"a":' + b"[" * 20 + b"]" * 20 + b"}",
        b"[]",
        b"",
        b'{"a":NaN}',
        b'{"a":1}x',
    ],
)
def test_only_what_is_written_as_we_write_is_as_written(body: bytes) -> None:
    assert strict.as_written(body) is None


@given(st.dictionaries(st.text(), st.one_of(st.text(), st.integers(-(2**53), 2**53), st.none())))
@settings(max_examples=100)
def test_what_is_as_written_is_what_everybody_reads(value: dict[str, object]) -> None:
    body = msgspec.json.encode(value)
    assert strict.as_written(body) == value == json.loads(body)
    strict.check(body)
