"""The node routes: for administrators, by name, with progress line by line."""

import msgspec
from tests.support.clock import FakeClock
from tests.support.fleets import awake, fleet_of, node
from tests.support.keystore import SwitchedStore
from tests.support.sender import Answer, ScriptedSender
from tests.support.web import Browser

from hx_gateway.core.errors import UpstreamError
from hx_gateway.manage.nodes import NodeService
from hx_gateway.web import nodes


def browser(*answers: Answer | UpstreamError) -> Browser:
    fleet = fleet_of(node("gpu1"))
    awake(fleet, "gpu1", "m")
    service = NodeService(fleet, ScriptedSender(gpu1=answers or [Answer(200, b"{}")]), FakeClock())
    return Browser(SwitchedStore()).open(nodes.endpoints(service))


async def test_nodes_are_listed_and_shown() -> None:
    asked = browser()
    listed = await asked.ask("GET", "/v1/nodes")
    assert [each["name"] for each in listed.json["data"]] == ["gpu1"]
    assert (await asked.ask("GET", "/v1/nodes/gpu1")).json["state"] == "awake"
    assert (await asked.ask("GET", "/v1/nodes/gpu2")).status == 404


async def test_models_are_loaded_and_dropped() -> None:
    asked = browser()
    warmed = await asked.ask("POST", "/v1/nodes/gpu1/warm", {"model": "n"})
    assert "n:latest" in [model["name"] for model in warmed.json["models"]]
    dropped = await asked.ask("POST", "/v1/nodes/gpu1/unload", {"model": "n"})
    assert [model["name"] for model in dropped.json["models"]] == ["m:latest"]


async def test_a_body_that_names_an_address_is_refused() -> None:
    asked = browser()
    for body in ({}, {"model": ""}, {"model": "m", "api_base": "http://192.0.2.1"}):
        assert (await asked.ask("POST", "/v1/nodes/gpu1/pull", body)).status == 422


async def test_progress_comes_line_by_line() -> None:
    asked = browser(Answer(200, b'{"status":"pulling"}\n', b'{"status":"success"}\n'))
    answer = await asked.ask("POST", "/v1/nodes/gpu1/pull", {"model": "n"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.body == b'{"status":"pulling"}\n{"status":"success"}\n'


async def test_a_download_that_fails_says_so_by_status_or_in_its_last_line() -> None:
    early = browser(Answer(200, b'{"error":"no such model"}\n'))
    answer = await early.ask("POST", "/v1/nodes/gpu1/pull", {"model": "n"})
    assert (answer.status, answer.error["message"]) == (502, "no such model")
    nothing = await browser(Answer(200)).ask("POST", "/v1/nodes/gpu1/pull", {"model": "n"})
    assert nothing.status == 502
    late = browser(Answer(200, b'{"status":"pulling"}\n{"error":"disk full"}\n'))
    answer = await late.ask("POST", "/v1/nodes/gpu1/pull", {"model": "n"})
    lines = [msgspec.json.decode(line) for line in answer.body.splitlines()]
    assert lines[0] == {"status": "pulling"}
    assert lines[1]["error"]["message"] == "disk full"
