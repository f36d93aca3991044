from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hx_gateway.cache.listing import NOT_JSON, Listing, open_listing, read_listing

NAMES = st.text('"\\\\{}[]:,adt', max_size=5) | st.just("data")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(' "\\\\{}[]:,adt', max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
ITEMS = st.lists(st.dictionaries(NAMES, VALUES, max_size=4), max_size=5)


def read(body: bytes, how: Callable[[bytes], Listing]) -> tuple[dict[str, Any], list[Any]]:
    """Give the fields but the list, and the list."""
    listing = how(body)
    items = [{n: msgspec.json.decode(v) for n, v in item.items()} for item in listing.items]
    fields = {n: msgspec.json.decode(v) for n, v in listing.fields.items() if n != "data"}
    return fields, items


@given(
    st.dictionaries(NAMES, VALUES, max_size=3),
    ITEMS,
    st.dictionaries(NAMES, VALUES, max_size=3),
    st.sampled_from([0, 1, 4]),
)
def test_an_answer_is_read_as_if_it_was_read_as_a_whole(
    before: dict[str, Any], items: list[Any], after: dict[str, Any], indent: int
) -> None:
    """Or it is refused, where there is more in it than answers have; never read in another way."""
    before.pop("data", None)
    after.pop("data", None)
    whole = msgspec.json.encode({**before, "data": items, **after})
    body = msgspec.json.format(whole, indent=indent)
    expected = msgspec.json.decode(body)
    assert expected.pop("data") == items
    assert read(body, read_listing) == (expected, items)
    with suppress(msgspec.DecodeError):
        assert read(body, open_listing) == (expected, items)


@pytest.mark.parametrize("how", [open_listing, read_listing])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"data":1}',
        b'{"data":{}}',
        b'{"data":[1]}',
        b'{"data":[{}',
        b'{"data":[{}}',
        b'{"data":[{},]}',
        b'{"data":[{}{}]}',
        b'{"data":[,{}]}',
        b'{"data":[{}],}',
        b'{"data":[{} x]}',
        b'{"data":[{"a":}]}',
        b'{"x":{"data":[{}]}}',
        b'{"x":1,"data":[{}]]}',
    ],
)
def test_what_is_no_answer_is_refused(body: bytes, how: Callable[[bytes], Listing]) -> None:
    with pytest.raises((KeyError, *NOT_JSON)):
        read(body, how)


@pytest.mark.parametrize("how", [open_listing, read_listing])
@pytest.mark.parametrize(
    ("body", "fields", "items"),
    [
        (b'{"data":[]}', {}, []),
        (b'{"data":[ ]}', {}, []),
        (b' {\n"data" : [ {"a":1} ,\t{"b":[{}]} ] } ', {}, [{"a": 1}, {"b": [{}]}]),
        (b'{"u":{"t":1},"data":[{}],"m":"}"}', {"u": {"t": 1}, "m": "}"}, [{}]),
        (b'{"data":[{"a":"}]"},{"b":"{"}]}', {}, [{"a": "}]"}, {"b": "{"}]),
        (b'{"x":"\\"data\\":","data":[{}]}', {"x": '"data":'}, [{}]),
    ],
)
def test_the_list_is_found_in_answers_as_they_are(
    body: bytes, fields: dict[str, Any], items: list[Any], how: Callable[[bytes], Listing]
) -> None:
    assert read(body, how) == (fields, items)


@pytest.mark.parametrize(
    "body",
    [
        b'{"data":[{"a":1}],"warnings":[]}',
        b'{"data":[{"a":1}],"warnings":[{"b":2}]}',
        b'{"data":[{"a":1}],"warning":"]"}',
        b'{"warnings":[],"data":[{"a":1}]}',
        b'{"x":{"data":[{}]},"data":[{"a":1}]}',
        b'{"data":[{"a":2}],"data":[{"a":1}]}',
        b'{"data":[{"a":1,"b":[' + b",".join([b"{}"] * 40) + b"]}]}",
    ],
)
def test_what_is_less_usual_is_read_all_at_once(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        read(body, open_listing)
    assert [item["a"] for item in read(body, read_listing)[1]] == [1]
