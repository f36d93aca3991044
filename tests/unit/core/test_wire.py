"""JSON at the border: what is refused, and with which status."""

import msgspec
import pytest

from hx_gateway.core import wire
from hx_gateway.core.errors import InvalidRequest, Unprocessable


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  ",
        b"{",
        b'["a"]',
        b'"text"',
        b"1",
        b"null",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b"\xff",
    ],
)
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        wire.decode_fields(body)


def test_a_text_that_is_no_utf8_is_refused_at_once() -> None:
    with pytest.raises(InvalidRequest):
        wire.decode_fields(b'{"model":"\xff"}')


def test_why_it_is_no_text_is_said() -> None:
    with pytest.raises(InvalidRequest, match="not UTF-8"):
        wire.decode_fields(b'{"a":"\xff"}')
    assert [wire.is_utf8(body) for body in (b"a", "ä".encode(), b"\xff")] == [True, True, False]


def test_fields_keep_the_bytes_of_the_client() -> None:
    fields = wire.decode_fields(b'{"model":"m","n":1.50,"u":"\\u00e4"}')
    assert bytes(fields["n"]) == b"1.50"
    assert bytes(fields["u"]) == b'"\\u00e4"'


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_a_million_levels_are_refused_by_name(opening: bytes) -> None:
    """Symptom: 0.4 s of processor time for two megabytes of brackets."""
    with pytest.raises(InvalidRequest, match="deeper than 64"):
        wire.decode_fields(b'{"a":' + opening * 10**6)


def test_a_flood_of_fields_is_refused() -> None:
    fields = b",".join(b'"k%d":1' % number for number in range(wire.MAX_KEYS + 1))
    with pytest.raises(InvalidRequest, match="fields"):
        wire.decode_fields(b"{" + fields + b"}")


def test_a_field_given_twice_is_refused_whatever_reads_the_body() -> None:
    """Symptom: of two `model` fields one was allowed, and another might have been asked."""
    for read in (wire.decode_fields, lambda body: wire.decode_as(body, _Body)):
        with pytest.raises(InvalidRequest) as caught:
            read(b'{"limit":1,"limit":2}')
        assert (caught.value.param, caught.value.error_code) == ("limit", "invalid_json")


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    limit: int = 5


def test_a_broken_schema_names_the_field() -> None:
    with pytest.raises(Unprocessable) as caught:
        wire.decode_as(b'{"limit":"x"}', _Body)
    assert caught.value.param == "limit"
    assert caught.value.http_status == 422


def test_broken_json_is_400_also_where_a_schema_is_wanted() -> None:
    with pytest.raises(InvalidRequest) as caught:
        wire.decode_as(b"{", _Body)
    assert caught.value.http_status == 400


@pytest.mark.parametrize(
    ("body", "text"), [(b'{"m":"a"}', "a"), (b'{"m":null}', None), (b"{}", None)]
)
def test_text_fields_may_be_absent(body: bytes, text: str | None) -> None:
    assert wire.text_field(wire.decode_fields(body), "m") == text


def test_a_text_field_of_another_type_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest) as caught:
        wire.text_field(wire.decode_fields(b'{"m":1}'), "m")
    assert caught.value.param == "m"


def test_a_boolean_is_not_read_from_a_number() -> None:
    with pytest.raises(InvalidRequest):
        wire.bool_field(wire.decode_fields(b'{"stream":1}'), "stream")


class _Limited(msgspec.Struct):
    limit: int


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"limit":"x"}', Unprocessable),
        (b'["a"]', Unprocessable),
        (b'{"limit":"x"}}', InvalidRequest),
        (b'{"limit":"x",', InvalidRequest),
        (b"[" * 2000, InvalidRequest),
    ],
)
def test_what_is_no_json_is_400_even_when_the_schema_breaks_first(
    body: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        wire.decode_as(body, _Limited)
