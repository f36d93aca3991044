"""Take a client's top-level fields one by one, with errors that name the field."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

from hx_gateway.core.errors import Garbled, InvalidRequest

T = TypeVar("T")

TEXT = Decoder(str | None)
NUMBER = Decoder(float | None)
COUNT = Decoder(int | None)
SWITCH = Decoder(bool | None)
TEXT_OR_TEXTS = Decoder(str | list[str] | None)

# msgspec takes no `Raw | None`: an optional Raw field of a wire struct is empty when absent.
ABSENT = Raw(b"")
_NULL = Raw(b"null")
_NOTHING = frozenset((b"null", b'""', b"[]", b"{}", b'[""]'))
_SPACES = b" \t\r\n"
_SHORT = 64
_LIST = ord("[")


def present(value: Raw) -> Raw | None:
    """Read an optional Raw field; None when absent or null."""
    return None if value in (ABSENT, _NULL) else value


def is_nothing(value: Raw) -> bool:
    """Tell whether a field holds nothing: null, or an empty text, list or object, spaces or not."""
    data = bytes(value) if len(value) < _SHORT else b"..."
    return (data if b'"' in data else data.translate(None, _SPACES)) in _NOTHING


def json_text(value: Raw) -> str:
    """Give an upstream's JSON as text; raises Garbled: raw fields were not looked into before."""
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        raise Garbled("The upstream's answer is not UTF-8.") from None


def check_messages(fields: Mapping[str, Raw]) -> None:
    """Refuse a chat without messages; what each of them says is for whoever answers to judge."""
    value = fields.get("messages", _NULL)
    if value == _NULL:
        raise InvalidRequest("Missing required parameter: 'messages'.", param="messages")
    if memoryview(value)[0] != _LIST:
        raise InvalidRequest("'messages' must be a list.", param="messages")
    if len(value) < _SHORT and is_nothing(value):
        raise InvalidRequest("'messages' is empty.", param="messages")


class FieldReader:
    """Reads one call's fields; what nobody asked for is left over."""

    __slots__ = ("_fields", "_taken")

    def __init__(self, fields: Mapping[str, Raw], *, ignored: frozenset[str] = frozenset()) -> None:
        """`ignored` fields count as taken: they are the gateway's business (model, stream)."""
        self._fields = fields
        self._taken = set(ignored)

    def take(self, name: str, decoder: Decoder[T]) -> T | None:
        """Read a field; None when absent or null; raises InvalidRequest when it does not fit."""
        self._taken.add(name)
        value = self._fields.get(name)
        if value is None or value == _NULL:
            return None
        try:
            return decoder.decode(value)
        except msgspec.ValidationError as error:
            what, _, path = str(error).partition(" - at `$")
            where = name + path.rstrip("`")
            raise InvalidRequest(f"Invalid value for '{where}': {what}.", param=where) from None

    def need(self, name: str, decoder: Decoder[T]) -> T:
        """Read a field that must be there."""
        value = self.take(name, decoder)
        if value is None:
            raise InvalidRequest(f"Missing required parameter: '{name}'.", param=name)
        return value

    def raw(self, name: str) -> Raw | None:
        """Read a field without understanding it; None when absent or null."""
        self._taken.add(name)
        return present(self._fields.get(name, ABSENT))

    def rest(self) -> dict[str, Raw]:
        """Give the fields nobody took, as the client wrote them."""
        return {name: value for name, value in self._fields.items() if name not in self._taken}


def texts(value: str | list[str] | None) -> tuple[str, ...]:
    """Read "one or several" as a tuple."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)
