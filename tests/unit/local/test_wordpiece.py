"""Text as BERT's word pieces. The ids were made with the reference tokenizer of all-MiniLM-L6-v2."""

import hashlib
from importlib.resources import files

import pytest

from hx_gateway.local.wordpiece import WordPiece

START, END, UNKNOWN = 101, 102, 100


@pytest.fixture(scope="module")
def tokenizer() -> WordPiece:
    return WordPiece.load()


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", []),
        ("Hello, World!", [7592, 1010, 2088, 999]),
        ("unaffable", [14477, 20961, 3468]),
        ("na\xefve CAF\xc9", [15743, 7668]),
        ("don't a.b_c", [2123, 1005, 1056, 1037, 1012, 1038, 1035, 1039]),
        ("\u65e5\u672c\u8a9e text", [1864, 1876, 1950, 3793]),
        ("Stra\xdfe \u0391\u0393\u03a3 \u0130stanbul", [2358, 27807, 1155, 29721, 29733, 9960]),
        ("a\tb\nc\u200bd\x00e", [1037, 1038, 3729, 2063]),
        ("x" * 101 + " y", [100, 1061]),
        ("e\u0301te\u0301 50% \u20ac3", [3802, 2063, 2753, 1003, 1574, 2509]),
        ("\U0001f600 ok", [100, 7929]),
    ],
)
def test_text_is_cut_as_by_the_reference(tokenizer: WordPiece, text: str, ids: list[int]) -> None:
    assert tokenizer.encode(text, 256) == [START, *ids, END]


def test_a_long_text_is_cut_at_the_limit_between_its_marks(tokenizer: WordPiece) -> None:
    for limit in (2, 3, 16, 256):
        ids = tokenizer.encode("unaffable " * 500, limit)
        assert len(ids) == limit
        assert (ids[0], ids[-1]) == (START, END)


def test_text_cannot_forge_the_marks(tokenizer: WordPiece) -> None:
    ids = tokenizer.encode("a [SEP] b [CLS] [PAD]", 256)
    assert ids.count(END) == ids.count(START) == 1
    assert 0 not in ids


def test_the_vocabulary_is_the_one_that_was_checked() -> None:
    data = (files("hx_gateway") / "data" / "wordpiece" / "vocab.txt").read_bytes()
    wanted = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
    assert hashlib.sha256(data).hexdigest() == wanted
