"""Read an answer that is a list of vectors item by item: all at once would hold everybody up.

Its end is looked for from behind, and each item by the brace that makes it an object: the beginning
of an object is never one itself, so what can be decoded is the whole of it.
"""

import re
from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Raw

NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
# What may stand before the list: fields without lists.
_HEAD = re.compile(rb"[ \t\r\n]*\{[^\[\]]{0,4096}?\"data\"[ \t\r\n]*:[ \t\r\n]*\[")
_NEXT = re.compile(rb"[ \t\r\n]*([,\]])[ \t\r\n]*")
_SPACE = b" \t\r\n"
_MOST_ENDS = 32  # braces that are tried; more of them in an item are not usual
_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_ITEMS = msgspec.json.Decoder(list[dict[str, Raw]])


class Listing(msgspec.Struct, frozen=True):
    """An answer: its fields, and the items of its list, which are read as they are asked for.

    Reading an item raises DecodeError where the list is another than it seemed.
    """

    fields: Mapping[str, Raw]
    items: Iterator[dict[str, Raw]]


def open_listing(body: bytes) -> Listing:
    """Find the list in an answer as answers usually are; raises DecodeError for others."""
    head = _HEAD.match(body)
    end = body.rfind(b"]")
    if head is None or end < head.end():
        raise msgspec.DecodeError("there is no list, or another one before it")
    fields = _FIELDS.decode(body[: head.end()] + body[end:])
    if bytes(fields.get("data", b"")) != b"[]":
        raise msgspec.DecodeError("the list is in some other field")
    return Listing(fields, _items(body, head.end(), end))


def read_listing(body: bytes) -> Listing:
    """Read an answer all at once; raises DecodeError or KeyError."""
    fields = _FIELDS.decode(body)
    return Listing(fields, iter(_ITEMS.decode(fields["data"])))


def _items(text: bytes, at: int, end: int) -> Iterator[dict[str, Raw]]:
    while text[at] in _SPACE:
        at += 1
    while at < end:
        item, at = _item(text, at, end)
        yield item
        following = _NEXT.match(text, at)
        if following is None:
            raise msgspec.DecodeError("something else stands between two items")
        if following[1] == b"]":
            at = following.start(1)
            break
        at = following.end()
        if at == end:
            raise msgspec.DecodeError("nothing follows a comma")
    if at != end:
        raise msgspec.DecodeError("there is another list behind it")


def _item(text: bytes, at: int, end: int) -> tuple[dict[str, Raw], int]:
    after = at
    for _ in range(_MOST_ENDS):
        after = text.find(b"}", after, end) + 1
        if after == 0 or text[at] != ord("{"):
            break
        try:
            return _FIELDS.decode(text[at:after]), after
        except msgspec.DecodeError:
            continue
    raise msgspec.DecodeError("an item is no object, or a complicated one")
