"""OpenAI's chat shape, whole and streamed."""

from typing import Any

import msgspec
import pytest
from tests.support.openai_answers import events, whole

from hx_gateway.core.errors import InvalidRequest
from hx_gateway.local.completion import Answers, ChatBody, Piece, Pieces


class Source:
    """Pieces that know whether they were closed."""

    def __init__(self, *pieces: Piece | Exception) -> None:
        self._pieces = pieces
        self.closed = 0

    async def pieces(self) -> Pieces:
        try:
            for piece in self._pieces:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.closed += 1


def body(**fields: Any) -> ChatBody:
    fields = {"messages": [{"role": "user", "content": "hi"}], **fields}
    return msgspec.json.decode(msgspec.json.encode(fields), type=ChatBody)


HELLO = (Piece("Hel"), Piece("lo", "stop", 3, 2))


async def test_a_whole_answer_has_text_reason_and_usage() -> None:
    source = Source(*HELLO)
    answer = whole(await Answers("m", "f").write(body(), source.pieces()))
    choice = answer["choices"][0]
    assert (choice["message"], choice["finish_reason"]) == (
        {"role": "assistant", "content": "Hello"},
        "stop",
    )
    assert answer["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    assert (answer["object"], answer["model"]) == ("chat.completion", "m")
    assert source.closed == 1


@pytest.mark.parametrize("wanted", [True, False])
async def test_a_stream_ends_with_its_reason_and_shows_usage_if_asked(wanted: bool) -> None:
    options = {"include_usage": wanted}
    response = await Answers("m", "f").write(
        body(stream=True, stream_options=options), Source(*HELLO).pieces()
    )
    found = await events(response)
    deltas = [event["choices"][0]["delta"] for event in found[:4]]
    assert deltas == [
        {"role": "assistant", "content": ""},
        {"content": "Hel"},
        {"content": "lo"},
        {},
    ]
    assert found[3]["choices"][0]["finish_reason"] == "stop"
    assert found[-1] == "[DONE]"
    assert [event["usage"]["total_tokens"] for event in found[4:-1]] == ([5] if wanted else [])
    assert len({event["id"] for event in found[:-1]}) == 1


@pytest.mark.parametrize("is_stream", [True, False])
async def test_an_error_before_the_first_piece_is_raised_and_all_is_closed(is_stream: bool) -> None:
    source = Source(InvalidRequest("no"))
    with pytest.raises(InvalidRequest):
        await Answers("m", "f").write(body(stream=is_stream), source.pieces())
    assert source.closed == 1


async def test_a_stream_that_nobody_reads_closes_its_pieces() -> None:
    source = Source(*HELLO)
    response = await Answers("m", "f").write(body(stream=True), source.pieces())
    assert source.closed == 0
    assert response.chunks is not None
    await response.chunks.aclose()
    assert source.closed == 1


async def test_a_stream_that_is_left_closes_its_pieces() -> None:
    source = Source(Piece("a"), *HELLO)
    response = await Answers("m", "f").write(body(stream=True), source.pieces())
    assert response.chunks is not None
    async for _ in response.chunks:
        break
    await response.chunks.aclose()
    assert source.closed == 1
