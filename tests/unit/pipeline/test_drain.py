"""What becomes of an answer whose client leaves."""

import asyncio
from typing import Any

import pytest
from tests.support.deployments import route
from tests.support.pipelines import DONE, USED, Rig, chat_deployment, delta, whole
from tests.support.sender import Answer, Piece, ScriptedSender

from hx_gateway.core.errors import Interrupted
from hx_gateway.core.receipt import Ending
from hx_gateway.core.route import OnDisconnect
from hx_gateway.core.usage import Usage
from hx_gateway.pipeline.drain import Drainer

REST: tuple[Piece, ...] = (0.02, delta("b"), delta(finish="stop"), USED, DONE)
EXACT = Usage(input=3, output=2)


def rig(*pieces: Piece, drain_s: float = 5.0) -> Rig:
    policy = OnDisconnect(drain_s)
    return Rig(
        ScriptedSender(a=[Answer(200, *pieces)]),
        route("m", chat_deployment("a", on_disconnect=policy)),
    )


async def leave_a_stream(rig: Rig) -> None:
    response = await rig.ask(stream=True)
    assert response.chunks is not None
    await anext(aiter(response.chunks))
    await response.chunks.aclose()
    await response.chunks.aclose()


async def leave_before_an_answer(rig: Rig, **options: Any) -> None:
    asking = asyncio.ensure_future(rig.ask(**options))
    await asyncio.sleep(0.005)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def over(rig: Rig) -> None:
    async with asyncio.timeout(30.0):
        while rig.drainer.live:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.001)


async def test_a_stream_is_cancelled_at_once_by_default() -> None:
    story = rig(delta("a"), *REST, drain_s=0.0)
    await leave_a_stream(story)
    receipt = story.receipts.only
    assert (receipt.ending, receipt.usage_estimated) == (Ending.ABANDONED, True)
    assert receipt.usage.output == 1
    assert story.sender.exchanges[0].closed == 1
    assert story.drainer.live == 0


async def test_a_stream_is_read_on_to_its_exact_usage() -> None:
    story = rig(delta("a"), *REST)
    await leave_a_stream(story)
    assert (story.drainer.live, story.receipts.all) == (1, [])
    assert story.sender.exchanges[0].closed == 0
    await over(story)
    receipt = story.receipts.only
    assert (receipt.ending, receipt.status) == (Ending.ABANDONED, 200)
    assert (receipt.usage, receipt.usage_estimated) == (EXACT, False)
    assert story.drainer.counts == {"complete": 1}
    assert story.sender.exchanges[0].closed == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_has_not_begun_is_read_on_too(stream: bool) -> None:
    pieces = (0.2, delta("a"), *REST) if stream else (0.2, whole("hi", prompt=3, completion=2))
    story = rig(*pieces)
    await leave_before_an_answer(story, stream=stream)
    await over(story)
    receipt = story.receipts.only
    assert (receipt.ending, receipt.status) == (Ending.ABANDONED, 499)
    assert (receipt.usage, receipt.usage_estimated) == (EXACT, False)


@pytest.mark.parametrize("stream", [False, True])
async def test_before_an_answer_it_is_cancelled_by_default(stream: bool) -> None:
    story = rig(30.0, delta("a"), *REST, drain_s=0.0)
    await leave_before_an_answer(story, stream=stream)
    receipt = story.receipts.only
    assert (receipt.ending, receipt.status, receipt.usage_estimated) == (
        Ending.ABANDONED,
        499,
        True,
    )
    assert receipt.usage.input > 0
    assert story.sender.exchanges[0].closed == 1


@pytest.mark.parametrize(
    ("rest", "ending"), [((0.02, Interrupted("cut")), "broken"), ((30.0, DONE), "late")]
)
async def test_what_ends_badly_is_estimated(rest: tuple[Piece, ...], ending: str) -> None:
    story = rig(delta("a"), *rest, drain_s=0.1 if ending == "late" else 30.0)
    await leave_a_stream(story)
    await over(story)
    receipt = story.receipts.only
    assert (receipt.ending, receipt.usage_estimated) == (Ending.ABANDONED, True)
    assert story.drainer.counts == {ending: 1}
    assert story.sender.exchanges[0].closed == 1


async def test_without_room_it_is_cancelled_and_counted() -> None:
    begun, silent = rig(delta("a"), *REST), rig(30.0, delta("a"))
    begun.drainer._limit = silent.drainer._limit = 0
    await leave_a_stream(begun)
    await leave_before_an_answer(silent, stream=True)
    for story in (begun, silent):
        assert story.drainer.counts == {"refused": 1}
        assert story.receipts.only.ending is Ending.ABANDONED
        assert story.sender.exchanges[0].closed == 1


async def test_the_end_of_the_gateway_ends_them_all() -> None:
    begun, silent = rig(delta("a"), 30.0, DONE), rig(30.0, delta("a"))
    for _ in range(3):
        await leave_a_stream(begun)
        await leave_before_an_answer(silent, stream=True)
    for story in (begun, silent):
        assert story.drainer.live == 3
        await story.drainer.aclose()
        assert story.drainer.live == 0
        assert len(story.receipts.all) == story.drainer.counts["stopped"] == 3
        assert all(each.closed == 1 for each in story.sender.exchanges)


async def test_a_stream_that_ends_by_itself_is_not_read_on() -> None:
    story = rig(delta("a"), *REST)
    response = await story.ask(stream=True)
    assert response.chunks is not None
    async for _ in response.chunks:
        pass
    await response.chunks.aclose()
    assert story.receipts.only.ending is Ending.COMPLETE
    assert story.drainer.counts == {}


async def test_a_stop_of_the_gateway_says_so() -> None:
    story = rig(delta("a"), 30.0, DONE)
    response = await story.ask(stream=True)
    assert response.chunks is not None
    await anext(aiter(response.chunks))
    assert b"gateway_shutdown" in response.chunks.last_words()  # type: ignore[attr-defined]
    await response.chunks.aclose()
    assert story.receipts.only.ending is Ending.DRAINED
    assert Drainer().live == story.drainer.live == 0
