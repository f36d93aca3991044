"""Answers to several inputs, taken apart and put together again."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hx_gateway.cache.batch import MOST, divided, inputs_of, joined, shared_out
from hx_gateway.core.wire import encode, raw


def answer(*vectors: object, usage: object = None, **more: Any) -> bytes:
    data = [
        {"object": "embedding", "index": index, "embedding": vector}
        for index, vector in enumerate(vectors)
    ]
    counted = {} if usage is None else {"usage": usage}
    return encode({"object": "list", "data": data, "model": "e", **counted, **more})


@pytest.mark.parametrize(
    ("input_", "count"),
    [
        (["a", "b"], 2),
        (["a"], 1),
        ([[1, 2], [3]], 2),
        ("a", 0),
        ([1, 2, 3], 0),
        ([], 0),
        (None, 0),
        (["a", 1], 0),
        (["a", None], 0),
        ({"a": ["b"]}, 0),
        (["x"] * MOST, MOST),
        (["x"] * (MOST + 1), 0),
    ],
)
def test_a_list_of_texts_or_of_tokens_has_parts(input_: object, count: int) -> None:
    inputs = inputs_of({"input": raw(input_)})
    assert len(inputs) == count
    assert [msgspec.json.decode(each) for each in inputs] == (input_ if count else [])
    assert inputs_of({}) == ()


def test_an_answer_is_divided_into_answers_to_each_input() -> None:
    usage = {"prompt_tokens": 10, "total_tokens": 10}
    pieces = divided(answer([0.5], "AAAA", usage=usage, extra=1), [raw("a" * 8), raw("b" * 28)])
    assert pieces is not None
    one, two = (msgspec.json.decode(piece.body) for piece in pieces)
    assert one["data"] == [{"object": "embedding", "index": 0, "embedding": [0.5]}]
    assert two["data"] == [{"object": "embedding", "index": 0, "embedding": "AAAA"}]
    assert one["usage"]["prompt_tokens"] + two["usage"]["prompt_tokens"] == 10
    assert [piece.tokens for piece in pieces] == [2, 8]
    assert (one["model"], one["extra"]) == ("e", 1)
    assert msgspec.json.decode(joined([piece.body for piece in pieces])) == msgspec.json.decode(
        answer([0.5], "AAAA", usage=usage, extra=1)
    )


def test_parts_are_put_together_in_another_order_and_number() -> None:
    pieces = divided(answer([1], [2], [3]), [raw("a"), raw("b"), raw("c")])
    assert pieces is not None
    mixed = msgspec.json.decode(joined([pieces[at].body for at in (2, 0, 2)]))
    assert [item["embedding"] for item in mixed["data"]] == [[3], [1], [3]]
    assert [item["index"] for item in mixed["data"]] == [0, 1, 2]
    assert "usage" not in mixed
    assert pieces[0].tokens is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"data":{}}',
        b'{"object":"list"}',
        answer([1]),
        answer([1], [2], [3]),
        answer([1], [2]).replace(b'"index":1', b'"index":0'),
        answer([1], [2]).replace(b'"index":1', b'"index":"1"'),
        answer([1], [2]).replace(b'"index":0,', b"").replace(b'"index":1', b'"index":0'),
        answer([1], [2], usage="none"),
    ],
)
def test_an_answer_without_one_vector_for_each_input_is_not_divided(body: bytes) -> None:
    assert divided(body, [raw("a"), raw("b")]) is None


def test_vectors_without_an_index_are_in_order() -> None:
    body = answer([1], [2]).replace(b'"index":0,', b"").replace(b'"index":1,', b"")
    pieces = divided(body, [raw("a"), raw("b")])
    assert pieces is not None
    assert b'"embedding":[2]' in pieces[1].body


@given(st.integers(0, 10_000), st.lists(st.integers(0, 500), min_size=1, max_size=40))
def test_shares_add_up_to_the_whole(total: int, lengths: list[int]) -> None:
    shares = shared_out(total, lengths)
    assert len(shares) == len(lengths)
    assert sum(shares) == (total if any(lengths) else 0)
    assert all(share >= 0 for share in shares)
