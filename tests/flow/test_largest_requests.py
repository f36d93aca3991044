"""What is done with the largest request at one go, in processor time: others wait for that long."""

import time

import msgspec
import pytest
from tests.e2e.test_hostile import largest
from tests.support.deployments import route
from tests.support.pipelines import CALLER, Rig, chat_deployment, whole
from tests.support.sender import Answer, ScriptedSender

from hx_gateway.core.http import Request
from hx_gateway.core.snapshot import ServerSettings
from hx_gateway.web.endpoint import Visit
from hx_gateway.web.inference import Inference, endpoints

AIM_S = 0.05


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_the_largest_request_takes_the_loop_for_less_than_50_ms(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Relayed, and translated. Measured on two shared cores: 8 to 12 ms, and 18 to 23 ms."""
    body = msgspec.json.encode({**largest(path), "model": "m"})
    rig = Rig(ScriptedSender(a=[Answer(200, whole("hi"))]), route("m", chat_deployment("a")))
    made = endpoints(Inference(rig.pipeline, ServerSettings(), rig.clock))
    handler = next(each.handler for each in made if each.path == path)
    took: list[float] = []
    for _ in range(5):
        visit = Visit("v", Request("POST", path, "", {}, body=body), CALLER)
        before = time.thread_time()
        assert (await handler(visit)).status == 200
        took.append(time.thread_time() - before)
    with capsys.disabled():
        print(f"\n{path}: {len(body)} bytes, {min(took) * 1000:.1f} ms of the loop")
    assert min(took) <= 2 * AIM_S  # on a slower processor, too
