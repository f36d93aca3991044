from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support.deployments import PROVIDER, deployment, route

from hx_gateway.app.upstreams import upstream_checks
from hx_gateway.core.check import Finding, Verdict
from hx_gateway.core.errors import Unreachable
from hx_gateway.core.http import Deadlines, HttpRequest, Origin
from hx_gateway.core.snapshot import Snapshot

HEALTH = HttpRequest(method="GET", path="/health")
NODE = msgspec.structs.replace(PROVIDER, name="node", health=HEALTH)
ONE, OTHER = Origin(host="one.test"), Origin(host="other.test")


class Answered:
    def __init__(self, status: int) -> None:
        self.status = status

    def close(self) -> None:
        pass


class Upstreams:
    """A `Sender` that answers with a status, or not at all."""

    def __init__(self, status: int | None = 200) -> None:
        self.status = status
        self.asked: list[tuple[Origin, str]] = []

    async def send(self, origin: Origin, request: HttpRequest, deadlines: Deadlines) -> Any:
        self.asked.append((origin, request.path))
        if self.status is None:
            raise Unreachable("The upstream did not accept a connection.")
        return Answered(self.status)


def snapshot(**origins: Origin) -> Snapshot:
    routes = {
        name: route(name, deployment(name, provider=NODE, origin=origin))
        for name, origin in origins.items()
    }
    return Snapshot(state_dir=Path("unused"), routes=routes)


async def found(upstreams: Upstreams, **origins: Origin) -> list[Finding]:
    checks = upstream_checks(snapshot(**origins), upstreams, ask_vendors=False)
    return [await check.run() for check in checks]


async def test_each_address_is_asked_once_however_many_models_it_has() -> None:
    upstreams = Upstreams()
    findings = await found(upstreams, a=ONE, b=ONE, c=OTHER)
    assert upstreams.asked == [(ONE, "/health"), (OTHER, "/health")]
    assert [finding.name for finding in findings] == ["upstream node (a, b)", "upstream node (c)"]


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.OK),
        (500, Verdict.WARN),
        (404, Verdict.WARN),
        (401, Verdict.FAIL),
        (403, Verdict.FAIL),
        (None, Verdict.FAIL),
    ],
)
async def test_an_upstream_is_judged_by_its_answer(status: int | None, verdict: Verdict) -> None:
    (finding,) = await found(Upstreams(status), a=ONE)
    assert finding.verdict is verdict


async def test_no_finding_holds_an_address() -> None:
    (finding,) = await found(Upstreams(None), a=ONE)
    assert "one.test" not in str(finding)


@pytest.mark.parametrize(("ask_vendors", "asked"), [(True, [(ONE, "/v1/models")]), (False, [])])
async def test_a_vendor_is_asked_for_its_models_only_when_told_so(
    ask_vendors: bool, asked: list[tuple[Origin, str]]
) -> None:
    rented = deployment("a", origin=ONE, base_path="/v1")
    one = Snapshot(state_dir=Path("unused"), routes={"a": route("a", rented)})
    upstreams = Upstreams()
    (check,) = upstream_checks(one, upstreams, ask_vendors=ask_vendors)
    await check.run()
    assert upstreams.asked == asked


async def test_models_on_this_machine_have_no_upstream() -> None:
    assert await found(Upstreams(), a=Origin(socket_path="/run/chat.sock")) == []
