"""Nodes: shown without addresses, told what to hold by name."""

import msgspec
import pytest
from tests.support.clock import FakeClock
from tests.support.fleets import awake, fleet_of, has, node, placed
from tests.support.sender import Answer, ScriptedSender

from hx_gateway.core.errors import InvalidRequest, NotFound, Rejected, Unreachable, UpstreamError
from hx_gateway.core.http import HttpRequest
from hx_gateway.core.node import Shown
from hx_gateway.core.secret import Secret
from hx_gateway.manage.nodes import NodeService, request_to
from hx_gateway.routing.fleet import Fleet

LOADED = Answer(200, b'{"done":true,"done_reason":"load"}')


class Rig:
    """A service over one node, and what it was told."""

    def __init__(self, *answers: Answer | UpstreamError) -> None:
        self.fleet: Fleet = fleet_of(node("gpu1", parallel=2))
        self.sender = ScriptedSender(gpu1=answers or [LOADED])
        self.service = NodeService(self.fleet, self.sender, FakeClock(10.0))
        self.looked_at: list[str] = []
        self.fleet.on_suspect = self.looked_at.append

    @property
    def told(self) -> tuple[str, object]:
        request = self.sender.sent[-1][1]
        return request.path, msgspec.json.decode(request.body)


def test_a_node_is_shown_with_what_it_has_and_does() -> None:
    rig = Rig()
    has(rig.fleet, "gpu1", "m", "n", shown=Shown(context=8192))
    awake(rig.fleet, "gpu1", "m", context=4096)
    turn = rig.fleet.take(placed("gpu1"), (), "key", 0.0)
    [view] = rig.service.views()
    assert (view.name, view.state, view.in_flight, view.heard_s) == ("gpu1", "awake", 1, 10.0)
    m, n = view.models
    assert (m.name, m.resident, m.context, m.in_flight, m.parallel) == (
        "m:latest",
        True,
        4096,
        1,
        2,
    )
    assert (n.name, n.resident, n.context, n.in_flight) == ("n:latest", False, 8192, 0)
    turn.release(1.0)


async def test_a_model_is_loaded_and_dropped_without_a_word_generated() -> None:
    rig = Rig()
    view = await rig.service.warm("gpu1", "m")
    assert rig.told == ("/api/generate", {"model": "m", "stream": False})
    assert [model.resident for model in view.models] == [True]
    view = await rig.service.unload("gpu1", "m")
    assert rig.told == ("/api/generate", {"model": "m", "stream": False, "keep_alive": 0})
    assert view.models == []
    assert rig.looked_at == ["gpu1", "gpu1"]
    assert all(exchange.closed for exchange in rig.sender.exchanges)


async def test_a_model_that_only_embeds_is_loaded_by_embedding_nothing() -> None:
    rig = Rig()
    has(rig.fleet, "gpu1", "m", shown=Shown(embeds_only=True))
    await rig.service.warm("gpu1", "m")
    assert rig.told == ("/api/embed", {"model": "m"})


async def test_a_download_gives_its_steps_and_ends_with_what_failed() -> None:
    rig = Rig(Answer(200, b'{"status":"pulling man', b'ifest"}\n{"error":"no such model"}'))
    download = await rig.service.pull("gpu1", "m")
    steps = download.steps()
    assert (await anext(steps)).status == "pulling manifest"
    with pytest.raises(Rejected, match="no such model"):
        await anext(steps)
    download.close()
    assert rig.looked_at == ["gpu1"]


async def test_what_a_node_says_when_it_refuses_is_told() -> None:
    rig = Rig(
        Answer(404, b'{"error":"model \'m\' not found"}'),
        Answer(500, b'{"error":"out of memory"}'),
        Answer(502, b"<html>"),
        Unreachable("No connection."),
    )
    with pytest.raises(Rejected, match="model 'm' not found") as refused:
        await rig.service.warm("gpu1", "m")
    assert refused.value.http_status == 404
    with pytest.raises(UpstreamError, match="out of memory"):
        await rig.service.warm("gpu1", "m")
    with pytest.raises(UpstreamError, match="The node failed"):
        await rig.service.pull("gpu1", "m")
    with pytest.raises(Unreachable):
        await rig.service.unload("gpu1", "m")


async def test_only_known_nodes_and_sensible_names_are_taken() -> None:
    rig = Rig()
    for name in ("http://192.0.2.1:11434", "gpu2", ""):
        with pytest.raises(NotFound):
            await rig.service.warm(name, "m")
    with pytest.raises(NotFound):
        rig.service.view("gpu2")
    for model in ("", " ", "m\n"):
        with pytest.raises(InvalidRequest):
            await rig.service.pull("gpu1", model)
    assert rig.sender.sent == []


def test_a_request_to_a_node_carries_what_its_deployments_carry() -> None:
    one = node("gpu1", base_path="/proxy", credential=Secret("k"), headers=((b"x-team", b"a"),))
    sent = request_to(one, HttpRequest(method="GET", path="/api/ps"))
    assert (sent.method, sent.path, sent.headers) == ("GET", "/proxy/api/ps", ((b"x-team", b"a"),))
