"""Answers to several inputs, taken apart and put together again."""

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hx_gateway.cache.batch import MOST, divided, inputs_of, joined, shared_out
from hx_gateway.cache.pace import SLICE, Pace
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


async def test_an_answer_is_divided_into_answers_to_each_input() -> None:
    usage = {"prompt_tokens": 10, "total_tokens": 10}
    body = answer([0.5], "AAAA", usage=usage, extra=1)
    pieces = await divided(body, [raw("a" * 8), raw("b" * 28)], Pace())
    assert pieces is not None
    one, two = (msgspec.json.decode(piece.body) for piece in pieces)
    assert one["data"] == [{"object": "embedding", "index": 0, "embedding": [0.5]}]
    assert two["data"] == [{"object": "embedding", "index": 0, "embedding": "AAAA"}]
    assert one["usage"]["prompt_tokens"] + two["usage"]["prompt_tokens"] == 10
    assert [piece.tokens for piece in pieces] == [2, 8]
    assert (one["model"], one["extra"]) == ("e", 1)
    assert await joined([piece.body for piece in pieces], Pace()) == body


async def test_parts_are_put_together_in_another_order_and_number() -> None:
    inputs = [raw("a"), raw("b"), raw("c")]
    pieces = await divided(answer([1], [2], [3]), inputs, Pace())
    assert pieces is not None
    mixed = msgspec.json.decode(await joined([pieces[at].body for at in (2, 0, 2)], Pace()))
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
        answer([1], [2]).replace(b'"index":1', b'"index":-1'),
        answer([1], [2]).replace(b"},{", b"}{"),
        answer([1], [2]).replace(b"}]", b"},]"),
        answer([1], [2])[:-1],
        answer([1], [2]).replace(b'"index":0,', b"").replace(b'"index":1', b'"index":0'),
        answer([1], [2], usage="none"),
    ],
)
async def test_an_answer_without_one_vector_for_each_input_is_not_divided(body: bytes) -> None:
    assert await divided(body, [raw("a"), raw("b")], Pace()) is None


async def test_an_answer_with_another_list_behind_is_divided_too() -> None:
    body = answer([1], [2], warnings=[{"of": 1}])
    pieces = await divided(body, [raw("a"), raw("b")], Pace())
    assert pieces is not None
    assert await joined([piece.body for piece in pieces], Pace()) == body


async def test_vectors_without_an_index_are_in_order() -> None:
    body = answer([1], [2]).replace(b'"index":0,', b"").replace(b'"index":1,', b"")
    pieces = await divided(body, [raw("a"), raw("b")], Pace())
    assert pieces is not None
    assert b'"embedding":[2]' in pieces[1].body


class Slices(Pace):
    """Notes how many bytes were gone through between two pauses."""

    def __init__(self) -> None:
        super().__init__(self._note)
        self.sizes = [0]
        self.largest_step = 0

    async def did(self, size: int) -> None:
        self.sizes[-1] += size
        self.largest_step = max(self.largest_step, size)
        await super().did(size)

    async def _note(self) -> None:
        self.sizes.append(0)


async def test_the_longest_list_is_done_in_slices() -> None:
    """All at once, 2,048 vectors of 1,536 numbers held everybody up for 130 to 210 ms."""
    vector = "A" * (1536 * 4 * 4 // 3)  # as base64
    inputs = [raw("text")] * MOST
    body = answer(*[vector] * MOST, usage={"prompt_tokens": MOST, "total_tokens": MOST})
    dividing, joining = Slices(), Slices()
    pieces = await divided(body, inputs, dividing)
    assert pieces is not None
    assert await joined([piece.body for piece in pieces], joining) == body
    for slices in (dividing, joining):
        assert sum(slices.sizes) >= len(body)  # nothing is done beside what is counted
        assert slices.largest_step < 2 * len(vector)
        assert max(slices.sizes) <= SLICE + slices.largest_step


async def test_others_have_their_turn_between_slices() -> None:
    body = answer(*["A" * 8192] * 1024)
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.ensure_future(take_turns())
    try:
        assert await divided(body, [raw("text")] * 1024, Pace()) is not None
        assert turns >= len(body) // SLICE
    finally:
        other.cancel()


@given(st.integers(0, 10_000), st.lists(st.integers(0, 500), min_size=1, max_size=40))
def test_shares_add_up_to_the_whole(total: int, lengths: list[int]) -> None:
    shares = shared_out(total, lengths)
    assert len(shares) == len(lengths)
    assert sum(shares) == (total if any(lengths) else 0)
    assert all(share >= 0 for share in shares)
