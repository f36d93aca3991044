"""The inference routes: from a request to a call, and what waits before the first byte."""

import asyncio
from typing import Any

import pytest
from tests.support.deployments import route
from tests.support.pipelines import CALLER, DONE, Rig, chat_deployment, collect, delta, whole
from tests.support.sender import Answer, ScriptedSender

from hx_gateway.core import wire
from hx_gateway.core.call import Operation
from hx_gateway.core.errors import GatewayError, InvalidRequest
from hx_gateway.core.http import Request, Response
from hx_gateway.core.principal import Scope
from hx_gateway.core.snapshot import ServerSettings
from hx_gateway.web.endpoint import Visit
from hx_gateway.web.inference import Inference, endpoints

ASKED = [{"role": "user", "content": "hi"}]
STREAMED = Answer(200, delta("hi"), delta(finish="stop"), DONE)


def inference(rig: Rig, heartbeat_s: float = 15.0) -> Inference:
    settings = ServerSettings(heartbeat_interval=heartbeat_s)
    return Inference(rig.pipeline, settings, rig.clock)


async def ask(
    inference: Inference, path: str = "/v1/chat/completions", group: bytes = b"", **body: Any
) -> Response:
    endpoint = next(each for each in endpoints(inference) if each.path == path)
    headers = {b"x-hx-model-group": group} if group else {}
    return await endpoint.handler(
        Visit("v-1", Request("POST", path, "", headers, body=wire.encode(body)), CALLER)
    )


async def test_a_chat_is_answered() -> None:
    rig = Rig(ScriptedSender(a=[Answer(200, whole("hi"))]), route("m", chat_deployment("a")))
    response = await ask(inference(rig), model="m", messages=ASKED)
    assert response.body == whole("hi")


async def test_a_model_may_come_from_the_group_header() -> None:
    rig = Rig(ScriptedSender(a=[Answer(200, whole("hi"))]), route("m", chat_deployment("a")))
    assert (await ask(inference(rig), group=b"m", messages=ASKED)).status == 200
    with pytest.raises(InvalidRequest):
        await ask(inference(rig), messages=ASKED)


@pytest.mark.parametrize(
    "body",
    [
        {"model": 5},
        {"model": "m", "stream": "yes"},
        {"model": "m", "stream": True, "stream_options": 1},
        {"model": "m"},
        {"model": "m", "messages": None},
        {"model": "m", "messages": []},
        {"model": "m", "messages": "hi"},
    ],
)
async def test_what_cannot_be_read_is_refused_by_name(body: dict[str, Any]) -> None:
    rig = Rig(ScriptedSender(), route("m", chat_deployment("a")))
    with pytest.raises(InvalidRequest):
        await ask(inference(rig), **body)
    assert rig.sender.sent == []


async def begin(rig: Rig) -> tuple[Request, "asyncio.Task[Response]"]:
    """Ask for a stream whose answer is long in coming."""
    body = {"model": "m", "messages": ASKED, "stream": True}
    request = Request("POST", "/v1/chat/completions", "", {}, body=wire.encode(body))
    handler = inference(rig).handler(Operation.CHAT, "openai_chat")
    task = asyncio.ensure_future(handler(Visit("v-1", request, CALLER)))
    await asyncio.sleep(0.01)
    return request, task


async def test_a_stream_says_how_it_begins_before_its_answer_is_known() -> None:
    slow = Answer(200, 0.05, delta("hi"), delta(finish="stop"), DONE)
    request, task = await begin(Rig(ScriptedSender(a=[slow]), route("m", chat_deployment("a"))))
    assert request.early is not None
    assert request.early.heartbeat == b": ping\n\n"
    assert b'"error"' in request.early.words(None)
    response = await task
    assert response.chunks is not None
    assert await collect(response.chunks) == delta("hi") + delta(finish="stop") + DONE


async def test_a_stream_that_has_begun_can_still_be_told_what_went_wrong() -> None:
    late = Answer(500, 0.05, b"oops")
    rig = Rig(ScriptedSender(a=[late]), route("m", chat_deployment("a")), num_retries=0)
    request, task = await begin(rig)
    with pytest.raises(GatewayError) as raised:
        await task
    assert request.early is not None
    words = request.early.words(raised.value)
    assert words.count(b'"error"') == 1
    assert b"[DONE]" not in words


async def test_a_failure_before_that_is_an_error_with_a_status() -> None:
    late = Answer(500, 0.05, b"oops")
    rig = Rig(ScriptedSender(a=[late]), route("m", chat_deployment("a")), num_retries=0)
    _, task = await begin(rig)
    with pytest.raises(GatewayError):
        await task


async def test_a_client_that_leaves_early_stops_the_call() -> None:
    rig = Rig(ScriptedSender(a=[Answer(200, 60.0)]), route("m", chat_deployment("a")))
    _, task = await begin(rig)
    task.cancel()
    await asyncio.wait((task,))
    assert rig.sender.exchanges[0].closed == 1
    assert rig.receipts.only.status == 499


def test_every_route_needs_the_inference_scope_and_its_own_name() -> None:
    listed = endpoints(inference(Rig(ScriptedSender())))
    assert {each.scope for each in listed} == {Scope.INFERENCE}
    assert len({each.name for each in listed}) == len(listed)
