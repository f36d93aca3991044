"""Attempts of calls that are not JSON both ways."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from tests.support.deployments import NoCredential, deployment, route
from tests.support.forms import FakeForm, form_of
from tests.support.pipelines import CALLER, collect
from tests.support.pipelines import Rig as Pipelines
from tests.support.sender import Answer, ScriptedSender
from tests.support.told import told

from hx_gateway.core import wire
from hx_gateway.core.call import Call, Operation
from hx_gateway.core.errors import Garbled, InvalidRequest, Overloaded, UpstreamError
from hx_gateway.core.form import Form
from hx_gateway.core.http import Origin, Response
from hx_gateway.core.provider import Provider
from hx_gateway.core.receipt import Ending
from hx_gateway.core.route import Deployment, OnDisconnect
from hx_gateway.core.secret import Secret
from hx_gateway.core.usage import Measured, Price
from hx_gateway.dialects import cohere_rerank, openai_media
from hx_gateway.routing.vitals import State

VENDOR = Provider(
    name="vendor",
    base_url=None,
    auth=NoCredential(),
    speaks={**openai_media.ALL, Operation.RERANK: (cohere_rerank.WAY_OUT,)},
)
Asking = asyncio.Task[Response]
SENT = form_of(("model", b"m"), ("file", b"sound"), ("tags", b"x"))


def at(host: str, **fields: Any) -> Deployment:
    return deployment(host, provider=VENDOR, origin=Origin(host=host), **fields)


class Rig(Pipelines):
    """A pipeline that carries, over a scripted sender."""

    def __init__(self, *deployments: Deployment, **hosts: Sequence[Answer | UpstreamError]) -> None:
        super().__init__(ScriptedSender(**hosts), route("m", *deployments), carries=True)

    async def carry(
        self, operation: Operation, form: Form | None = None, **fields: object
    ) -> Response:
        dialect = next(iter(VENDOR.speaks[operation])).name
        call = Call(
            id="c",
            operation=operation,
            dialect=dialect,
            model="m",
            fields=wire.decode_fields(wire.encode({"model": "m", **fields})) if not form else {},
            form=form,
            started_at=self.clock.monotonic(),
        )
        return await self.pipeline.handle(call, CALLER)


JSON = {b"content-type": b"application/json"}
HEARD = Answer(200, b'{"text": "hi", "usage": {"seconds": 2}}', headers=JSON)
BUSY = Answer(500, b"{}")


async def test_text_is_relayed_with_its_own_type_and_counted() -> None:
    rig = Rig(at("a", price=Price(audio_second=3_000_000_000_000)), a=[HEARD])
    reply = await rig.carry(Operation.TRANSCRIBE, FakeForm(SENT))
    assert reply.body == b'{"text": "hi", "usage": {"seconds": 2}}'
    headers = told(reply)
    assert headers[b"content-type"] == b"application/json"
    assert headers[b"x-hx-changed"] == b"drop:tags"
    assert headers[b"x-litellm-response-cost"] == b"0.006"
    assert rig.receipts.only.usage == Measured(audio_ms=2000)
    assert rig.receipts.only.cost == 6_000_000
    assert rig.health.of(at("a")).in_flight == 0


@pytest.mark.parametrize("in_memory", [True, False])
async def test_a_form_that_is_still_here_is_sent_to_another(in_memory: bool) -> None:
    form = FakeForm(SENT, in_memory=in_memory)
    rig = Rig(at("a"), at("b", order=1), a=[BUSY], b=[HEARD])
    reply = await rig.carry(Operation.TRANSCRIBE, form)
    assert rig.sender.hosts == ["a", "b"]
    assert dict(reply.headers)[b"x-litellm-attempted-retries"] == b"1"
    assert dict(reply.headers)[b"x-litellm-attempted-fallbacks"] == b"0"
    request = rig.sender.sent[1][1]
    body = request.body if request.stream is None else await collect(request.stream)
    assert b"model-b" in body
    assert b"sound" in body


async def test_a_form_that_was_let_go_is_not_sent_again_and_says_the_fault() -> None:
    rig = Rig(at("a"), at("b", order=1), a=[BUSY], b=[HEARD])
    with pytest.raises(UpstreamError) as caught:
        await rig.carry(Operation.TRANSCRIBE, FakeForm(SENT, in_memory=False, passes=True))
    assert rig.sender.hosts == ["a"]
    assert caught.value.http_status == Overloaded.status
    assert caught.value.error_code == "upstream_overloaded"
    assert rig.health.of(at("a")).failures == 1  # the health book knows the true fault
    assert rig.receipts.only.ending is Ending.FAILED


async def test_bytes_are_passed_on_as_they_are() -> None:
    kind = {b"content-type": b"audio/mpeg"}
    rig = Rig(at("a"), a=[Answer(200, b"ID3", b"\xff\xfb", headers=kind)])
    reply = await rig.carry(Operation.SPEECH, input="hello", voice="x")
    assert (b"content-type", b"audio/mpeg") in reply.headers
    assert reply.chunks is not None
    assert await collect(reply.chunks) == b"ID3\xff\xfb"
    assert rig.receipts.only.ending is Ending.COMPLETE


async def test_a_media_type_cannot_forge_a_header() -> None:
    kind = {b"content-type": b"audio/mpeg\r\nset-cookie: x=y"}
    rig = Rig(at("a"), a=[Answer(200, b"ID3", headers=kind)])
    reply = await rig.carry(Operation.SPEECH, input="hello")
    assert (b"content-type", b"application/octet-stream") in reply.headers
    assert reply.chunks is not None
    await reply.chunks.aclose()


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>log in</html>", headers={b"content-type": b"text/html"}),
        Answer(200, b"not json", headers=JSON),
        Answer(200, b"", headers={b"content-type": b"audio/mpeg"}),
        Answer(302, b"", headers={b"location": b"http://evil.test"}),
    ],
)
async def test_what_is_no_answer_is_garbled(answer: Answer) -> None:
    rig = Rig(at("a"), a=[answer])
    with pytest.raises(Garbled):
        await rig.carry(Operation.SPEECH, input="hello")
    assert rig.health.of(at("a")).in_flight == 0


@pytest.mark.parametrize(
    ("operation", "mode", "is_asked"),
    [
        (Operation.SPEECH, "chat", False),
        (Operation.SPEECH, "audio_speech", True),
        (Operation.SPEECH, None, True),
        (Operation.RERANK, "embedding", False),
    ],
)
async def test_a_model_made_for_something_else_is_not_asked(
    operation: Operation, mode: str | None, is_asked: bool
) -> None:
    rig = Rig(at("a", mode=mode), a=[Answer(200, b"x", headers={b"content-type": b"audio/mpeg"})])
    if is_asked:
        reply = await rig.carry(operation, input="hi")
        assert reply.chunks is not None
        await reply.chunks.aclose()
        return
    with pytest.raises(InvalidRequest) as caught:
        await rig.carry(operation, input="hi", query="q", documents=["d"])
    assert (caught.value.param, caught.value.error_code) == ("model", "unsupported_operation")
    assert rig.sender.sent == []
    assert rig.receipts.only.ending is Ending.REFUSED


async def test_only_those_of_a_group_that_can_are_asked() -> None:
    chat = at("a", mode="chat")
    rig = Rig(chat, at("b", order=1), a=[HEARD], b=[HEARD])
    for _ in range(4):
        await rig.carry(Operation.TRANSCRIBE, FakeForm(SENT))
    assert set(rig.sender.hosts) == {"b"}


async def test_a_group_where_nobody_can_is_the_callers_mistake() -> None:
    rig = Rig(at("a", mode="chat"), at("b", mode="embedding"), a=[HEARD], b=[HEARD])
    with pytest.raises(UpstreamError) as caught:
        await rig.carry(Operation.TRANSCRIBE, FakeForm(SENT))
    assert (caught.value.http_status, caught.value.param) == (400, "model")
    assert caught.value.error_code == "unsupported_operation"
    assert rig.sender.sent == []


async def test_an_upstream_that_repeats_our_credential_does_not_give_it_away() -> None:
    secret = "sk-upstream-0123456789"
    error = wire.encode({"error": {"message": f"bad key {secret}", "code": secret}})
    rig = Rig(at("a", credential=Secret(secret)), a=[Answer(400, error, headers=JSON)])
    with pytest.raises(UpstreamError) as caught:
        await rig.carry(Operation.TRANSCRIBE, FakeForm(SENT))
    assert secret not in caught.value.message
    assert secret not in (caught.value.error_code or "")


async def test_plain_json_goes_the_ordinary_way() -> None:
    ranked = Answer(200, b'{"results": [], "meta": {"billed_units": {"search_units": 1}}}')
    rig = Rig(at("a", price=Price(search=2_000_000_000_000)), a=[ranked])
    reply = await rig.carry(Operation.RERANK, query="q", documents=["d"])
    assert reply.status == 200
    assert rig.receipts.only.cost == 2_000_000


FOREVER = 3600.0
LASTING = OnDisconnect(5.0)


async def begun(rig: Rig, form: Form | None, operation: Operation = Operation.TRANSCRIBE) -> Asking:
    """Ask, until the first deployment has been sent all of it."""
    asking = asyncio.ensure_future(rig.carry(operation, form, input="hi"))
    for _ in range(50):  # as many steps as it may take, and no time: the answer is not to come yet
        await asyncio.sleep(0)
    return asking


@pytest.mark.parametrize("in_memory", [True, False])
async def test_an_upload_at_a_deployment_that_hangs_is_answered_by_another(in_memory: bool) -> None:
    rig = Rig(at("a"), at("b", order=1), a=[Answer(200, FOREVER)], b=[HEARD, HEARD])
    rig.health.of(at("b")).per_mib.add(0.0, 0.02)
    asking = await begun(rig, FakeForm(SENT, in_memory=in_memory))
    rig.clock.advance(2.1)
    rig.watchdog.look(rig.clock.monotonic())
    reply = await asking
    assert dict(reply.headers)[b"x-hx-attempts"] == b"upstream_stalled, answered"
    assert rig.health.of(at("a")).state(rig.clock.monotonic()) is State.OPEN
    assert rig.health.of(at("a")).in_flight == 0
    assert rig.sender.exchanges[0].closed


async def test_an_upload_that_still_arrives_is_not_watched() -> None:
    """Its client may be the slow one, and it can be sent only once."""
    rig = Rig(at("a"), at("b", order=1), a=[Answer(200, FOREVER)], b=[HEARD])
    rig.health.of(at("b")).per_mib.add(0.0, 0.02)
    asking = await begun(rig, FakeForm(SENT, in_memory=False, passes=True))
    rig.clock.advance(500.0)
    rig.watchdog.look(rig.clock.monotonic())
    await asyncio.sleep(0.01)
    assert not asking.done()
    assert rig.health.of(at("a")).state(rig.clock.monotonic()) is State.CLOSED
    asking.cancel()


async def test_answers_to_uploads_are_measured_by_their_size() -> None:
    rig = Rig(at("a"), a=[HEARD])
    await rig.carry(Operation.TRANSCRIBE, FakeForm(form_of(("file", b"x" * 2**20))))
    assert rig.health.of(at("a")).per_mib.longest() >= 0.0
    await rig.carry(Operation.TRANSCRIBE, FakeForm(SENT, in_memory=False, passes=True))
    assert len(rig.health.of(at("a")).per_mib.values) == 1
    assert len(rig.health.of(at("a")).whole.values) == 2


@pytest.mark.parametrize(
    ("is_given", "drain_s", "status", "usage"),
    [
        (True, 5.0, 499, Measured(audio_ms=2000)),
        (False, 5.0, 499, None),  # some of it is still to come, and nobody sends it any more
        (True, 0.0, 499, None),
    ],
)
async def test_the_answer_to_an_upload_is_read_on_once_all_of_it_is_there(
    is_given: bool, drain_s: float, status: int, usage: Measured | None
) -> None:
    slow = Answer(200, 0.2, b'{"text": "hi", "usage": {"seconds": 2}}', headers=JSON)
    rig = Rig(at("a", on_disconnect=OnDisconnect(drain_s)), a=[slow])
    form = FakeForm(SENT)
    form.is_given = is_given
    asking = await begun(rig, form)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    async with asyncio.timeout(30.0):
        while rig.drainer.live:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.001)
    receipt = rig.receipts.only
    assert (receipt.ending, receipt.status) == (Ending.ABANDONED, status)
    assert receipt.usage_estimated is (usage is None)
    assert usage in (None, receipt.usage)


async def test_a_sound_is_not_read_on() -> None:
    """It says nothing of what it costs."""
    kind = {b"content-type": b"audio/mpeg"}
    rig = Rig(at("a", on_disconnect=LASTING), a=[Answer(200, b"ID3", b"more", headers=kind)])
    reply = await rig.carry(Operation.SPEECH, input="hello")
    assert reply.chunks is not None
    await anext(aiter(reply.chunks))
    await reply.chunks.aclose()
    assert rig.drainer.live == 0
    assert rig.receipts.only.ending is Ending.ABANDONED


async def test_the_events_of_an_upload_are_read_on_to_their_usage() -> None:
    last = b'data: {"type":"transcript.text.done","text":"hi","usage":{"input_tokens":9}}\n\n'
    first = b'data: {"type":"transcript.text.delta","delta":"h"}\n\n'
    kind = {b"content-type": b"text/event-stream"}
    rig = Rig(at("a", on_disconnect=LASTING), a=[Answer(200, first, 0.02, last, headers=kind)])
    reply = await rig.carry(Operation.TRANSCRIBE, FakeForm(SENT))
    assert reply.chunks is not None
    assert await anext(aiter(reply.chunks)) == first
    await reply.chunks.aclose()
    async with asyncio.timeout(30.0):
        while rig.drainer.live:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.001)
    assert rig.receipts.only.usage.input == 9
    assert rig.drainer.counts == {"complete": 1}
