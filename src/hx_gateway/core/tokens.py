"""How many tokens a text or a conversation has, about: without any model's own vocabulary.

A linear model over things that C-speed operations can count: words, their length, digits,
punctuation, line ends, indentation, and characters by script. The weights were fitted to OpenAI's
o200k vocabulary on English prose, six programming and markup languages and ten further languages;
on texts it had not seen, nine of ten pieces of 3 kB were within 15 % (docs/guide/tokens.md). Other
vocabularies differ from that one by more than this estimate does.
"""

from hx_gateway.core.chat import (
    Chat,
    Document,
    Image,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
)

# What vendors add around a message, a tool and a whole conversation; by their own examples 3 to 4.
PER_MESSAGE = 4
PER_TOOL = 8
PER_CHAT = 3
# Vendors count a picture by its size in pixels, which is not looked for: a middling one.
PER_IMAGE = 1000
# A file is counted by its vendor page by page, as text and as a picture: one page.
PER_DOCUMENT = 2000


def _table() -> bytes:
    """Map every byte of UTF-8 to a letter for its kind; what goes on in a character is `x`."""
    scripts = (
        (0xE0 - 0xD6, b"h"),  # Hebrew, Arabic
        (1, b"i"),  # the scripts of India, Thai
        (2, b"."),  # quotes, dashes, symbols
        (1, b"j"),  # kana
        (0xEA - 0xE4, b"z"),  # Chinese
        (0xEF - 0xEA, b"k"),  # Hangul
        (0x100 - 0xEF, b"j"),  # the rest, and emoji: about a token each
    )
    ascii_ = bytes(map(_ascii_kind, range(128)))
    head = ascii_ + b"x" * 64 + b"l" * (0xCE - 0xC0) + b"c" * (0xD6 - 0xCE)
    return head + b"".join(letter * length for length, letter in scripts)


def _ascii_kind(byte: int) -> int:
    character = chr(byte)
    if character.isalpha():
        return ord("A" if character.isupper() else "a")
    if character.isdigit():
        return ord("0")
    return {" ": ord(" "), "\t": ord(" "), "\n": ord("\n"), "\r": ord(" ")}.get(character, ord("."))


_KINDS = _table()
_LETTERS = bytes(byte if byte in b"aA" else 32 for byte in range(256))
_SIGNS = bytes(byte if byte in b"." else 32 for byte in range(256))
# Thousandths of a token for each of a kind.
_WORD, _LETTER, _HUMP, _DIGIT, _SIGN, _SIGNS_RUN = 610, 93, 258, 862, 183, 427
_WEIGHTS = (
    (b"\n", 1349),
    (b"  ", 59),
    (b"l", 1515),
    (b"c", 281),
    (b"h", 386),
    (b"i", 397),
    (b"j", 657),
    (b"z", 856),
    (b"k", 775),
)


def estimate(text: str) -> int:
    """Estimate the tokens of a text; an empty one has none, any other at least one."""
    if not text:
        return 0
    kinds = text.encode("utf-8", "replace").translate(_KINDS)
    count = kinds.count
    weight = (
        _WORD * len(kinds.translate(_LETTERS).split())
        + _LETTER * (count(b"a") + count(b"A"))
        + _HUMP * count(b"aA")
        + _DIGIT * count(b"0")
        + _SIGN * count(b".")
        + _SIGNS_RUN * len(kinds.translate(_SIGNS).split())
    )
    weight += sum(count(kind) * each for kind, each in _WEIGHTS)
    return max(round(weight / 1000), 1)


def count_chat(chat: Chat) -> int:
    """Estimate the tokens of a conversation with its tools, as a model would read it."""
    spoken = sum(
        PER_MESSAGE + sum(map(_count_part, message.parts)) + estimate(message.name or "")
        for message in chat.messages
    )
    tools = 0
    for tool in chat.tools:
        texts = [tool.name, tool.description or ""]
        texts += [
            bytes(each).decode("utf-8", "replace") for each in (tool.parameters, tool.raw) if each
        ]
        tools += PER_TOOL + sum(map(estimate, texts))
    schema = chat.output.schema if chat.output is not None else None
    shape = 0 if schema is None else estimate(bytes(schema).decode("utf-8", "replace"))
    return PER_CHAT + spoken + tools + shape


def _count_part(part: Part) -> int:
    match part:
        case Text() | Refusal():
            return estimate(part.text)
        case Thinking():
            return estimate(part.text)
        case ToolUse():
            return PER_MESSAGE + estimate(part.name) + estimate(part.arguments)
        case ToolResult():
            return PER_MESSAGE + sum(map(_count_part, part.parts))
        case Image():
            return PER_IMAGE
        case Document():
            return PER_DOCUMENT
