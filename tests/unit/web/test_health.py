"""The health routes: open, short, honest, without an address."""

import pytest
from tests.support.clock import FakeClock
from tests.support.keystore import SwitchedStore
from tests.support.web import Browser

from hx_gateway.core.check import Check, Finding, Verdict
from hx_gateway.manage.checks import Checkup
from hx_gateway.web import health

ALIVE = ["/livez", "/healthz", "/health/liveliness", "/health/liveness"]
READY = ["/readyz", "/healthz/deps", "/health/readiness"]


def check(name: str, verdict: Verdict, *, blocks: bool) -> Check:
    async def run() -> Finding:
        return Finding(name=name, verdict=verdict, detail=f"{name} says", blocks=blocks)

    return Check(name=name, rank=0, run=run)


def browser(
    database: Verdict = Verdict.OK, redis: Verdict = Verdict.SKIP, qdrant: Verdict = Verdict.OK
) -> tuple[Browser, Checkup]:
    checkup = Checkup(
        [
            check("database", database, blocks=True),
            check("redis", redis, blocks=False),
            check("qdrant", qdrant, blocks=False),
        ],
        FakeClock(),
    )
    made = Browser(SwitchedStore())
    return made.open(health.endpoints(checkup, "minilm")), checkup


@pytest.mark.parametrize("path", [*ALIVE, *READY])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_they_are_open(path: str, method: str) -> None:
    it, _ = browser()
    assert (await it.ask(method, path, key=None)).status == 200


async def test_bodies_are_those_that_older_clients_know() -> None:
    it, _ = browser()
    assert (await it.get("/healthz")).json == {"ok": True, "status": "ok"}
    assert (await it.get("/health/liveliness")).json == "I'm alive!"
    assert (await it.get("/health/readiness")).json == {"status": "healthy", "db": "connected"}
    deps = (await it.get("/healthz/deps")).json
    assert deps == {
        "postgres": True,
        "redis": True,
        "qdrant": True,
        "embedding_model": "minilm",
        "missing": [],
    }


@pytest.mark.parametrize("path", ALIVE)
async def test_alive_does_not_depend_on_anything(path: str) -> None:
    it, _ = browser(Verdict.FAIL, Verdict.FAIL, Verdict.FAIL)
    assert (await it.get(path, key=None)).status == 200


async def test_a_missing_database_is_named_and_not_ready() -> None:
    it, _ = browser(database=Verdict.FAIL)
    answer = await it.get("/readyz")
    assert (answer.status, answer.json["status"]) == (503, "not ready")
    assert answer.json["missing"] == ["database"]
    assert answer.json["checks"][0]["detail"] == "database says"
    assert "retry-after" in answer.headers
    litellm = await it.get("/health/readiness")
    assert (litellm.status, litellm.json) == (503, {"status": "unhealthy", "db": "Not connected"})


async def test_without_redis_it_is_ready_but_says_what_is_missing() -> None:
    it, _ = browser(redis=Verdict.FAIL)
    ready = await it.get("/readyz")
    assert (ready.status, ready.json["status"], ready.json["missing"]) == (
        200,
        "degraded",
        ["redis"],
    )
    deps = await it.get("/healthz/deps")
    assert deps.status == 503
    assert (deps.json["postgres"], deps.json["redis"], deps.json["qdrant"]) == (True, False, True)


async def test_it_is_not_ready_while_it_drains_but_alive() -> None:
    it, checkup = browser()
    checkup.drain()
    assert (await it.get("/readyz")).json["status"] == "draining"
    assert (await it.get("/readyz")).status == 503
    assert (await it.get("/livez")).status == 200


def test_a_warning_leaves_it_ready() -> None:
    found = [Finding(name="models", verdict=Verdict.WARN)]
    assert health.readiness(found, is_draining=False) == "ready"
