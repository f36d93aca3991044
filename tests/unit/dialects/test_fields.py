import pytest
from msgspec import Raw

from hx_gateway.core.errors import Garbled, InvalidRequest
from hx_gateway.dialects.fields import (
    COUNT,
    TEXT,
    TEXT_OR_TEXTS,
    FieldReader,
    check_messages,
    json_text,
    present,
    texts,
)


def reader(**fields: bytes) -> FieldReader:
    return FieldReader({name: Raw(value) for name, value in fields.items()})


def test_what_nobody_took_is_left_over_as_it_was() -> None:
    fields = reader(a=b"1", b=b'{"x": [1,  2]}')
    assert fields.take("a", COUNT) == 1
    assert fields.rest() == {"b": Raw(b'{"x": [1,  2]}')}


@pytest.mark.parametrize("value", [b"null"])
def test_null_is_absent(value: bytes) -> None:
    fields = reader(a=value)
    assert fields.take("a", TEXT) is None
    assert fields.raw("a") is None
    with pytest.raises(InvalidRequest, match="'a'"):
        fields.need("a", TEXT)


def test_a_wrong_type_names_the_field_and_the_place() -> None:
    with pytest.raises(InvalidRequest) as caught:
        reader(stop=b'["x", 1]').take("stop", TEXT_OR_TEXTS)
    assert caught.value.param == "stop[1]"


def test_one_or_several_texts() -> None:
    assert [texts(value) for value in (None, "a", ["a", "b"])] == [(), ("a",), ("a", "b")]


def test_an_upstreams_json_must_be_utf8() -> None:
    assert json_text(Raw('{"a":"ä"}'.encode())) == '{"a":"ä"}'
    with pytest.raises(Garbled):
        json_text(Raw(b'{"a":"\xff"}'))


def test_raw_fields_may_be_absent_or_null() -> None:
    assert [present(Raw(value)) for value in (b"", b"null")] == [None, None]
    assert present(Raw(b"0")) == Raw(b"0")


@pytest.mark.parametrize("value", [b"null", b"[]", b"[ \n ]", b'"hi"', b"{}", b"1"])
def test_a_chat_without_a_list_of_messages_is_refused(value: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_messages({"messages": Raw(value)})
    assert caught.value.param == "messages"


def test_what_messages_say_is_not_looked_into() -> None:
    check_messages({"messages": Raw(b"[1]")})
    check_messages({"messages": Raw(b"[" + b" " * 100 + b"]")})  # long: nobody sends that
    with pytest.raises(InvalidRequest, match="Missing"):
        check_messages({})
