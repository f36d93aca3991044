"""Vectors of many inputs, kept one by one, so that a list needs to ask only for what is new.

What is kept is the whole answer to one input alone; it serves whoever asks for just that, too. Its
format is https://platform.openai.com/docs/api-reference/embeddings.
"""

from collections.abc import Mapping, Sequence
from io import BytesIO

import msgspec
from msgspec import Raw

from hx_gateway.cache.listing import NOT_JSON, Listing, open_listing, read_listing
from hx_gateway.cache.pace import Pace

MOST = 2048  # inputs in one call, by OpenAI's rules
_SEVERAL = (b'"', b"[")  # what a list of texts, or of lists of tokens, begins with inside
_LIST = msgspec.json.Decoder(list[Raw])
_INDEX = msgspec.json.Decoder(int)


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
    except NOT_JSON:
        return ()
    if len(items) > MOST or not all(bytes(item).startswith(_SEVERAL) for item in items):
        return ()
    return tuple(items)


async def divided(body: bytes, inputs: Sequence[Raw], pace: Pace) -> list[Piece] | None:
    """Make answers to each input of the answer to all; None when there is not one for each.

    Nobody says which input took how many tokens, so they are shared out by length.
    """
    for read in (open_listing, read_listing):
        try:
            pieces = await _pieces(read(body), inputs, pace)
        except (KeyError, *NOT_JSON):
            continue
        is_whole = pieces.keys() == set(range(len(inputs)))
        return [pieces[index] for index in range(len(inputs))] if is_whole else None
    return None


async def _pieces(listing: Listing, inputs: Sequence[Raw], pace: Pace) -> dict[int, Piece]:
    shares = _shares(listing.fields, inputs)
    pieces: dict[int, Piece] = {}
    for at, item in enumerate(listing.items):
        index = _INDEX.decode(item["index"]) if "index" in item else at
        share = shares[index] if 0 <= index < len(shares) else None
        begin, end = _frame(listing.fields, share)
        one = begin + _item(item, 0) + end
        pieces[index] = Piece(body=one, tokens=None if share is None else share.prompt_tokens)
        await pace.did(len(one))
    return pieces


async def joined(bodies: Sequence[bytes], pace: Pace) -> bytes:
    """Make one answer of the answers to single inputs, in their order; raises DecodeError."""
    listings: list[Listing] = []
    total: _Usage | None = None
    for body in bodies:
        listing = read_listing(body)
        listings.append(listing)
        usage = _USAGE.decode(listing.fields.get("usage", b"null"))
        if usage is not None:
            total = total or _Usage()
            total.prompt_tokens += usage.prompt_tokens
            total.total_tokens += usage.total_tokens
        await pace.did(len(body))
    begin, end = _frame(listings[-1].fields, total)
    text = BytesIO()  # grows with what is written, and gives it away without another copy
    text.write(begin)
    index = 0
    for listing in listings:
        so_far = text.tell()
        for item in listing.items:
            text.write(b"," if index else b"")
            text.write(_item(item, index))
            index += 1
        await pace.did(text.tell() - so_far)
    text.write(end)
    return text.getvalue()


def _shares(fields: Mapping[str, Raw], inputs: Sequence[Raw]) -> Sequence[_Usage | None]:
    """Share the tokens of an answer out to its inputs; None for each when nobody counted."""
    usage = _USAGE.decode(fields.get("usage", b"null"))
    if usage is None:
        return [None] * len(inputs)
    lengths = [len(bytes(each)) for each in inputs]
    prompts = shared_out(usage.prompt_tokens, lengths)
    totals = shared_out(usage.total_tokens, lengths)
    return [_Usage(*pair) for pair in zip(prompts, totals, strict=True)]


def shared_out(total: int, lengths: Sequence[int]) -> list[int]:
    """Share a number out by lengths, so that the parts are whole and add up to it again."""
    whole, parts, given, seen = sum(lengths) or 1, [], 0, 0
    for length in lengths:
        seen += length
        upto = total * seen // whole
        parts.append(upto - given)
        given = upto
    return parts


def _item(item: Mapping[str, Raw], index: int) -> bytes:
    return msgspec.json.encode({**item, "index": index})


def _frame(fields: Mapping[str, Raw], usage: _Usage | None) -> tuple[bytes, bytes]:
    """Write an answer without what is in its list, fields in their order: before and after that."""
    told: dict[str, object] = {**fields} if usage is None else {**fields, "usage": usage}
    names = [*told]
    at = names.index("data")
    before = msgspec.json.encode({name: told[name] for name in names[:at]})[:-1]
    after = msgspec.json.encode({name: told[name] for name in names[at + 1 :]})[1:]
    comma = b"," if at else b""
    return before + comma + b'"data":[', (b"]," if names[at + 1 :] else b"]") + after
