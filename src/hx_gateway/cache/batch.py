"""Vectors of many inputs, kept one by one, so that a list needs to ask only for what is new.

What is kept is the whole answer to one input alone; it serves whoever asks for just that, too. Its
format is https://platform.openai.com/docs/api-reference/embeddings.
"""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw

MOST = 2048  # inputs in one call, by OpenAI's rules
_SEVERAL = (b'"', b"[")  # what a list of texts, or of lists of tokens, begins with inside
_LIST = msgspec.json.Decoder(list[Raw])
_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_ITEMS = msgspec.json.Decoder(list[dict[str, Raw]])
_INDEX = msgspec.json.Decoder(int)
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    total_tokens: int = 0


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer to one input alone; `tokens` is None when nobody counted."""

    body: bytes
    tokens: int | None = None


_USAGE = msgspec.json.Decoder(_Usage | None)


def inputs_of(fields: Mapping[str, Raw]) -> tuple[Raw, ...]:
    """Give the inputs of an embedding call that has a list of them; none for anything else.

    A list of numbers is one input, in tokens.
    """
    try:
        items = _LIST.decode(fields.get("input", b"null"))
    except _NOT_JSON:
        return ()
    if len(items) > MOST or not all(bytes(item).startswith(_SEVERAL) for item in items):
        return ()
    return tuple(items)


def divided(body: bytes, inputs: Sequence[Raw]) -> list[Piece] | None:
    """Make answers to each input of the answer to all; None when there is not one for each.

    Nobody says which input took how many tokens, so they are shared out by length.
    """
    try:
        fields = _FIELDS.decode(body)
        listed = enumerate(_ITEMS.decode(fields["data"]))
        items = {
            _INDEX.decode(item["index"]) if "index" in item else at: item for at, item in listed
        }
        usage = _USAGE.decode(fields.get("usage", b"null"))
    except (KeyError, *_NOT_JSON):
        return None
    if items.keys() != set(range(len(inputs))):
        return None
    shares: list[_Usage | None] = [None] * len(inputs)
    if usage is not None:
        lengths = [len(bytes(each)) for each in inputs]
        prompts = shared_out(usage.prompt_tokens, lengths)
        totals = shared_out(usage.total_tokens, lengths)
        shares = [_Usage(*pair) for pair in zip(prompts, totals, strict=True)]
    return [
        Piece(
            body=_written(fields, [items[index]], share),
            tokens=None if share is None else share.prompt_tokens,
        )
        for index, share in enumerate(shares)
    ]


def joined(bodies: Sequence[bytes]) -> bytes:
    """Make one answer of the answers to single inputs, in their order; raises DecodeError."""
    fields: dict[str, Raw] = {}
    items: list[dict[str, Raw]] = []
    total: _Usage | None = None
    for body in bodies:
        fields = _FIELDS.decode(body)
        items += _ITEMS.decode(fields["data"])
        usage = _USAGE.decode(fields.get("usage", b"null"))
        if usage is not None:
            total = total or _Usage()
            total.prompt_tokens += usage.prompt_tokens
            total.total_tokens += usage.total_tokens
    return _written(fields, items, total)


def shared_out(total: int, lengths: Sequence[int]) -> list[int]:
    """Share a number out by lengths, so that the parts are whole and add up to it again."""
    whole, parts, given, seen = sum(lengths) or 1, [], 0, 0
    for length in lengths:
        seen += length
        upto = total * seen // whole
        parts.append(upto - given)
        given = upto
    return parts


def _written(
    fields: Mapping[str, Raw], items: Sequence[Mapping[str, Raw]], usage: _Usage | None
) -> bytes:
    data = [{**item, "index": index} for index, item in enumerate(items)]
    body: dict[str, object] = {**fields, "data": data}
    if usage is not None:
        body["usage"] = usage
    return msgspec.json.encode(body)
