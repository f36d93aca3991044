"""Cut English text into the word pieces that BERT models read.

The algorithm is that of Devlin et al., "BERT" (2018): clean, strip accents, lower, split at spaces,
punctuation and CJK characters, then take the longest known piece again and again.
"""

import unicodedata
from collections.abc import Iterator
from importlib.resources import files

MAX_WORD = 100  # characters; longer words are unknown as a whole, as in the reference
# Control, format, private use; not unassigned ones, which change with every Unicode version.
_DROPPED = frozenset({"Cc", "Cf", "Co", "Cs"})
_UNKNOWN, _START, _END = "[UNK]", "[CLS]", "[SEP]"
# Blocks that count as CJK ideographs in BERT (Hangul and Kana are not among them).
_CJK = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class WordPiece:
    """A vocabulary and the way to cut text by it. Text cannot produce the special tokens."""

    def __init__(self, words: list[str]) -> None:
        """`words` in the order of their ids."""
        self._ids = {word: id_ for id_, word in enumerate(words)}
        self._clean = _Clean()
        self._fold = _Fold()

    @classmethod
    def load(cls) -> "WordPiece":
        """Load the vocabulary of bert-base-uncased, which all-MiniLM-L6-v2 uses."""
        path = files("hx_gateway") / "data" / "wordpiece" / "vocab.txt"
        return cls(path.read_text(encoding="utf-8").split("\n")[:-1])

    def encode(self, text: str, limit: int) -> list[int]:
        """Give the ids of a text between start and end mark, `limit` at most with both."""
        ids = [self._ids[_START]]
        for word in self._words(text):
            ids += self._pieces(word)
            if len(ids) >= limit - 1:
                break
        return [*ids[: limit - 1], self._ids[_END]]

    def _words(self, text: str) -> list[str]:
        decomposed = unicodedata.normalize("NFD", text.translate(self._clean))
        return decomposed.translate(self._fold).split()

    def _pieces(self, word: str) -> list[int]:
        if len(word) > MAX_WORD:
            return [self._ids[_UNKNOWN]]
        pieces: list[int] = []
        start = 0
        while start < len(word):
            for end, piece in _candidates(word, start):
                if piece in self._ids:
                    pieces.append(self._ids[piece])
                    start = end
                    break
            else:
                return [self._ids[_UNKNOWN]]
        return pieces


def _candidates(word: str, start: int) -> Iterator[tuple[int, str]]:
    prefix = "##" if start else ""
    for end in range(len(word), start, -1):
        yield end, prefix + word[start:end]


class _Clean(dict[int, str]):
    """For `str.translate`: drop control characters, set CJK characters apart."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if char in "\t\n\r":
            clean = " "
        elif code in {0, 0xFFFD} or unicodedata.category(char) in _DROPPED:
            clean = ""
        else:
            clean = f" {char} " if any(low <= code <= high for low, high in _CJK) else char
        self[code] = clean
        return clean


class _Fold(dict[int, str]):
    """For `str.translate`: drop accents, lower each character, set punctuation apart."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        category = unicodedata.category(char)
        is_ascii_mark = code < 128 and char.isprintable() and not char.isalnum() and char != " "
        if category == "Mn":
            folded = ""
        elif is_ascii_mark or category.startswith("P"):
            folded = f" {char} "
        else:
            folded = char.lower()
        self[code] = folded
        return folded
