"""The way of a call: who is asked, what the client gets, and one receipt however it ends."""

import asyncio

import msgspec
import pytest
from tests.support.deployments import route
from tests.support.pipelines import CALLER, DONE, USED, Rig, chat_deployment, collect, delta, whole
from tests.support.sender import Answer, ScriptedSender
from tests.support.told import told

from hx_gateway.core.errors import (
    Forbidden,
    GatewayError,
    ModelMissing,
    Overloaded,
    TimedOut,
    UnknownModel,
    Unreachable,
    UpstreamError,
)
from hx_gateway.core.receipt import Ending
from hx_gateway.core.usage import Price, Usage

A, B = chat_deployment("a"), chat_deployment("b", order=1)
DOWN = Unreachable("The upstream cannot be reached.")


async def test_an_answer_of_the_same_format_is_relayed_unchanged() -> None:
    rig = Rig(ScriptedSender(a=[Answer(200, whole("Hello"))]), route("m", A))
    reply = await rig.ask()
    assert reply.body == whole("Hello")
    assert b"x-litellm-model-id: a\r\n" in reply.lines
    receipt = rig.receipts.only
    assert (receipt.ending, receipt.status, receipt.usage) == (
        Ending.COMPLETE,
        200,
        Usage(input=3, output=5),
    )
    assert rig.sender.exchanges[0].closed
    assert rig.health.of(A).in_flight == 0


async def test_only_the_model_of_the_body_changes() -> None:
    rig = Rig(ScriptedSender(a=[Answer(200, whole("Hello"))]), route("m", A))
    await rig.ask()
    sent = msgspec.json.decode(rig.sender.sent[0][1].body)
    assert sent["model"] == "model-a"
    assert set(sent) == {"model", "messages", "stream"}


async def test_the_price_of_the_deployment_makes_the_cost() -> None:
    priced = chat_deployment("a", price=Price(input=1_000_000, output=2_000_000))
    rig = Rig(ScriptedSender(a=[Answer(200, whole("Hello"))]), route("m", priced))
    reply = await rig.ask()
    assert rig.receipts.only.cost == 13
    assert told(reply)[b"x-litellm-response-cost"] == b"0.000000013"


@pytest.mark.parametrize(
    ("answers_a", "status"),
    [
        (DOWN, None),
        (Answer(500, b"oops"), 500),
        (Answer(200, b"no json"), None),
        (Answer(200, b'{"choices":'), None),
        (Answer(302, b""), None),
        (Answer(401, b"{}"), 401),
        (TimedOut("slow"), None),
    ],
)
async def test_another_deployment_answers_when_the_first_does_not(
    answers_a: Answer | UpstreamError, status: int | None
) -> None:
    sender = ScriptedSender(a=[answers_a], b=[Answer(200, whole("from b"))])
    rig = Rig(sender, route("m", A, B))
    reply = await rig.ask()
    assert b"from b" in reply.body
    assert sender.hosts == ["a", "b"]
    assert [bool(attempt.fault) for attempt in rig.receipts.only.attempts] == [True, False]
    assert b"x-litellm-attempted-retries: 1\r\n" in reply.lines


async def test_a_mistake_of_the_caller_goes_nowhere_else() -> None:
    refused = Answer(400, b'{"error":{"message":"bad tool","type":"invalid_request_error"}}')
    rig = Rig(ScriptedSender(a=[refused], b=[Answer(200, whole("x"))]), route("m", A, B))
    with pytest.raises(UpstreamError) as caught:
        await rig.ask()
    assert caught.value.http_status == 400
    assert caught.value.message == "bad tool"
    assert rig.sender.hosts == ["a"]
    assert rig.receipts.only.ending is Ending.FAILED


async def test_the_last_fault_is_what_the_client_hears() -> None:
    rig = Rig(ScriptedSender(a=[DOWN], b=[DOWN]), route("m", A, B), num_retries=1)
    with pytest.raises(Unreachable):
        await rig.ask()
    assert rig.receipts.only.status == 502
    assert rig.health.of(A).in_flight == rig.health.of(B).in_flight == 0


@pytest.mark.parametrize("error", [UnknownModel, Forbidden])
async def test_a_refused_call_reaches_no_upstream(error: type[Exception]) -> None:
    rig = Rig(ScriptedSender(a=[Answer(200, whole("x"))]), route("m", A))
    caller = msgspec.structs.replace(CALLER, models=("other",))
    with pytest.raises(error):
        await rig.ask("nowhere" if error is UnknownModel else "m", caller=caller)
    assert rig.sender.sent == []
    assert rig.receipts.only.ending is Ending.REFUSED


async def test_a_stream_is_relayed_and_settled_with_its_usage() -> None:
    pieces = (delta("Hel"), delta("lo"), delta(finish="stop"), USED, DONE)
    rig = Rig(ScriptedSender(a=[Answer(200, *pieces)]), route("m", A))
    reply = await rig.ask(stream=True)
    assert reply.chunks is not None
    assert rig.receipts.all == []  # not before it ends
    got = await collect(reply.chunks)
    assert got == b"".join((*pieces[:3], DONE))  # the usage was asked for by us, not by the client
    assert rig.receipts.only.usage == Usage(input=3, output=2)
    assert rig.receipts.only.ending is Ending.COMPLETE
    await reply.chunks.aclose()
    assert len(rig.receipts.all) == 1


async def test_usage_is_shown_to_a_client_that_asked() -> None:
    pieces = (delta("Hel"), delta(finish="stop"), USED, DONE)
    rig = Rig(ScriptedSender(a=[Answer(200, *pieces)]), route("m", A))
    reply = await rig.ask(stream=True, wants_usage=True)
    assert reply.chunks is not None
    assert USED in await collect(reply.chunks)


FIRST_FAULTS = [
    Answer(200, DOWN),
    Answer(200, b'data: {"error":{"message":"overloaded","code":529}}\n\n'),
    Answer(200),
    Answer(200, b"data: garbage\n\n"),
    Answer(200, delta("half")[:20]),
]


@pytest.mark.parametrize("first", FIRST_FAULTS)
async def test_a_stream_that_fails_before_its_first_event_is_answered_by_another(
    first: Answer,
) -> None:
    good = Answer(200, delta("good"), delta(finish="stop"), DONE)
    rig = Rig(ScriptedSender(a=[first], b=[good]), route("m", A, B))
    reply = await rig.ask(stream=True)
    assert reply.chunks is not None
    assert b"good" in await collect(reply.chunks)
    assert rig.sender.hosts == ["a", "b"]
    assert all(exchange.closed for exchange in rig.sender.exchanges)


LATER_FAULTS = [(DOWN,), (), (b"data: garbage\n\n",), (delta("x")[:20],)]


@pytest.mark.parametrize("later", LATER_FAULTS)
async def test_nobody_else_is_asked_after_the_first_byte(
    later: tuple[bytes | UpstreamError, ...],
) -> None:
    """A second deployment would begin the text again; the client gets one error event."""
    good = Answer(200, delta("good"), delta(finish="stop"), DONE)
    rig = Rig(ScriptedSender(a=[Answer(200, delta("Hel"), *later)], b=[good]), route("m", A, B))
    reply = await rig.ask(stream=True)
    assert reply.chunks is not None
    got = await collect(reply.chunks)
    assert got.startswith(delta("Hel"))
    assert got.count(b'"error"') == 1
    assert b"[DONE]" not in got  # no false success
    assert rig.sender.hosts == ["a"]
    assert rig.receipts.only.ending is Ending.BROKEN


async def test_an_abandoned_stream_closes_the_upstream_and_is_settled() -> None:
    rig = Rig(ScriptedSender(a=[Answer(200, delta("Hel"), 3600.0)]), route("m", A))
    reply = await rig.ask(stream=True)
    assert reply.chunks is not None
    assert await anext(aiter(reply.chunks)) == delta("Hel")
    await reply.chunks.aclose()
    assert rig.sender.exchanges[0].closed == 1
    assert rig.receipts.only.ending is Ending.ABANDONED
    assert rig.health.of(A).in_flight == 0


async def test_a_caller_that_leaves_before_the_answer_is_settled_too() -> None:
    rig = Rig(ScriptedSender(a=[Answer(200, 3600.0)]), route("m", A))
    asking = asyncio.ensure_future(rig.ask())
    await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert rig.sender.exchanges[0].closed == 1
    assert rig.receipts.only.ending is Ending.ABANDONED
    assert rig.health.of(A).in_flight == 0


async def test_a_stopping_gateway_ends_a_stream_with_an_error_event() -> None:
    rig = Rig(ScriptedSender(a=[Answer(200, delta("Hel"), 3600.0)]), route("m", A))
    reply = await rig.ask(stream=True)
    assert reply.chunks is not None
    await anext(aiter(reply.chunks))
    words = reply.chunks.last_words()  # type: ignore[attr-defined]
    assert b"gateway_shutdown" in words
    assert rig.receipts.only.ending is Ending.DRAINED


async def test_a_fallback_route_answers_when_its_own_has_given_up() -> None:
    spare = route("spare", B)
    rig = Rig(
        ScriptedSender(a=[Overloaded("busy")], b=[Answer(200, whole("spare"))]),
        route("m", A, fallbacks=("spare",)),
        spare,
        num_retries=0,
    )
    reply = await rig.ask()
    assert b"spare" in reply.body
    assert b"x-litellm-attempted-fallbacks: 1\r\n" in reply.lines


@pytest.mark.parametrize(
    ("pattern", "error", "status"), [("acme/*", UnknownModel, 404), (None, ModelMissing, 502)]
)
async def test_a_name_that_only_a_wildcard_took_is_the_callers_own(
    pattern: str | None, error: type[GatewayError], status: int
) -> None:
    """Symptom: an unknown name was told as a fault of the upstream's, unlike any other."""
    missing = Answer(404, b'{"error":{"message":"no such model"}}')
    rig = Rig(ScriptedSender(a=[missing]), route("m", A, pattern=pattern), num_retries=0)
    with pytest.raises(error) as caught:
        await rig.ask()
    assert caught.value.http_status == status
    assert rig.receipts.only.ending is Ending.FAILED


@pytest.mark.parametrize("stream", [False, True])
async def test_a_mock_response_asks_nobody(stream: bool) -> None:
    rig = Rig(ScriptedSender(), route("m", chat_deployment("a", canned="Hi there")))
    reply = await rig.ask(stream=stream)
    got = await collect(reply.chunks) if reply.chunks is not None else reply.body
    assert b"Hi there" in got
    assert rig.sender.sent == []
    assert rig.receipts.only.ending is Ending.COMPLETE
