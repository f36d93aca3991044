"""The inference routes: from a request to a call, and what waits before the first byte."""

import asyncio
from typing import Any

import msgspec
import pytest
from tests.support.deployments import route
from tests.support.pipelines import CALLER, DONE, Rig, chat_deployment, collect, delta, whole
from tests.support.sender import Answer, ScriptedSender

from hx_gateway.core import wire
from hx_gateway.core.errors import InvalidRequest, UnknownModel
from hx_gateway.core.http import Request, Response
from hx_gateway.core.principal import Scope
from hx_gateway.core.snapshot import ServerSettings
from hx_gateway.web.endpoint import Visit
from hx_gateway.web.inference import Inference, endpoints

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
    response = await ask(inference(rig), model="m", messages=[])
    assert response.body == whole("hi")


async def test_a_model_may_come_from_the_group_header() -> None:
    rig = Rig(ScriptedSender(a=[Answer(200, whole("hi"))]), route("m", chat_deployment("a")))
    assert (await ask(inference(rig), group=b"m", messages=[])).status == 200
    with pytest.raises(InvalidRequest):
        await ask(inference(rig), messages=[])


@pytest.mark.parametrize(
    "body",
    [
        {"model": 5},
        {"model": "m", "stream": "yes"},
        {"model": "m", "stream": True, "stream_options": 1},
    ],
)
async def test_what_cannot_be_read_is_refused_by_name(body: dict[str, Any]) -> None:
    rig = Rig(ScriptedSender(), route("m", chat_deployment("a")))
    with pytest.raises(InvalidRequest):
        await ask(inference(rig), **body)
    assert rig.sender.sent == []


async def test_heartbeats_begin_before_the_first_token() -> None:
    slow = Answer(200, 0.05, delta("hi"), delta(finish="stop"), DONE)
    rig = Rig(ScriptedSender(a=[slow]), route("m", chat_deployment("a")))
    response = await ask(inference(rig, heartbeat_s=0.01), model="m", messages=[], stream=True)
    assert response.heartbeat == b": ping\n\n"
    assert response.chunks is not None
    assert await collect(response.chunks) == delta("hi") + delta(finish="stop") + DONE


async def test_a_late_failure_ends_the_stream_with_an_error_event() -> None:
    late = Answer(500, 0.05, b"oops")
    rig = Rig(ScriptedSender(a=[late]), route("m", chat_deployment("a")), num_retries=0)
    response = await ask(inference(rig, heartbeat_s=0.01), model="m", messages=[], stream=True)
    assert response.chunks is not None
    got = await collect(response.chunks)
    assert got.count(b'"error"') == 1
    assert b"[DONE]" not in got


async def test_a_client_that_leaves_early_stops_the_call() -> None:
    rig = Rig(ScriptedSender(a=[Answer(200, 60.0)]), route("m", chat_deployment("a")))
    response = await ask(inference(rig, heartbeat_s=0.01), model="m", messages=[], stream=True)
    assert response.chunks is not None
    await response.chunks.aclose()
    await asyncio.sleep(0.01)
    assert rig.sender.exchanges[0].closed == 1
    assert rig.receipts.only.status == 499


async def test_models_are_those_the_key_may_use() -> None:
    rig = Rig(
        ScriptedSender(), route("m", chat_deployment("a")), route("other", chat_deployment("b"))
    )
    asked = Visit("v", Request("GET", "/v1/models", "", {}), CALLER)
    every = msgspec.json.decode((await inference(rig).models(asked)).body)
    assert [card["id"] for card in every["data"]] == ["m", "other"]
    asked.principal = msgspec.structs.replace(CALLER, models=("other",))
    some = msgspec.json.decode((await inference(rig).models(asked)).body)
    assert [card["id"] for card in some["data"]] == ["other"]
    asked.path = {"model": "m"}
    with pytest.raises(UnknownModel):
        await inference(rig).model(asked)


def test_every_route_needs_the_inference_scope_and_its_own_name() -> None:
    listed = endpoints(inference(Rig(ScriptedSender())))
    assert {each.scope for each in listed} == {Scope.INFERENCE}
    assert len({each.name for each in listed}) == len(listed)
