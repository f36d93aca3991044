from typing import Any

import msgspec
from tests.support.clock import FakeClock

from hx_gateway.app.probe import Said
from hx_gateway.app.smoke import LIST_ROUTES, TEXT, Plan, smoke_checks
from hx_gateway.core.check import Finding, Verdict
from hx_gateway.core.errors import Unreachable
from hx_gateway.manage.checks import Checkup

PLAN = Plan(chat_model="demo", embedding_model="embed", search=True)
GOOD: dict[str, Any] = {
    "/livez": {"alive": True},
    "/readyz": {"status": "ready"},
    "/healthz/deps": {"postgres": True, "redis": True, "qdrant": True},
    "/v1/models": {"data": [{"id": "demo"}]},
    "/v1/chat/completions": {"choices": [{"message": {"content": "Hello"}}]},
    "/v1/embeddings": {"data": [{"embedding": [0.1]}]},
    "/v1/rag/upsert": {"status": "ok"},
    "/v1/rag/search": {"result": {"hits": [{"text": TEXT}]}},
    **{path: {"data": []} for path in LIST_ROUTES},
}


class Gateway:
    """Answers from a table; what is not in it is 404; None is nobody there."""

    def __init__(self, answers: dict[str, Any] | None, *, status: int = 200) -> None:
        self.answers = answers
        self.status = status
        self.bodies: dict[str, Any] = {}

    async def ask(self, path: str, body: object = None) -> Said:
        if self.answers is None:
            raise Unreachable("Nobody.")
        self.bodies[path] = body
        if path not in self.answers:
            return Said(status=404, value={"error": {"message": "No such path."}})
        return Said(status=self.status, value=self.answers[path])


async def found(gateway: Gateway, plan: Plan = PLAN) -> dict[str, Finding]:
    checks = smoke_checks(gateway, plan)
    findings = [await check.run() for check in checks]
    return {finding.name: finding for finding in findings}


def failed(findings: dict[str, Finding]) -> set[str]:
    return {name for name, finding in findings.items() if finding.verdict is Verdict.FAIL}


async def test_a_gateway_that_does_everything_passes() -> None:
    findings = await found(Gateway(GOOD))
    assert failed(findings) == set()
    assert set(LIST_ROUTES) == {name[5:] for name in findings if name.startswith("list ")}


async def test_each_part_that_does_not_work_is_named() -> None:
    parts = {
        "/v1/teams": "list /v1/teams",
        "/v1/models": "models",
        "/v1/chat/completions": "chat",
        "/v1/embeddings": "embedding",
        "/v1/rag/upsert": "document search",
        "/v1/rag/search": "document search",
        "/livez": "port",
        "/readyz": "ready",
    }
    for path, name in parts.items():
        rest = {key: value for key, value in GOOD.items() if key != path}
        assert failed(await found(Gateway(rest))) == {name}


async def test_a_dependency_that_is_down_is_named() -> None:
    for field, name in (("postgres", "database"), ("redis", "redis"), ("qdrant", "qdrant")):
        deps = {**GOOD["/healthz/deps"], field: False}
        assert failed(await found(Gateway({**GOOD, "/healthz/deps": deps}))) == {name}


async def test_an_answer_without_content_is_no_success() -> None:
    """The page this comes from counted 401 and an empty list as proof that the database works."""
    empty = {**GOOD, "/v1/models": {"data": []}, "/v1/rag/search": {"result": {"hits": []}}}
    assert failed(await found(Gateway(empty))) == {"models", "document search"}


async def test_a_wrong_key_is_a_failure_with_its_own_next_step() -> None:
    findings = await found(Gateway(GOOD, status=401))
    assert "list /v1/keys" in failed(findings)
    assert "--key-file" in findings["chat"].remedy


async def test_nobody_there_fails_everything_but_what_is_not_configured() -> None:
    plan = msgspec.structs.replace(PLAN, search=False, embedding_model=None)
    findings = await found(Gateway(None), plan)
    kept = {name for name, one in findings.items() if one.verdict is Verdict.SKIP}
    assert kept == {"embedding", "document search"}
    assert failed(findings) == set(findings) - kept


async def test_every_round_trip_has_a_namespace_of_its_own() -> None:
    one, other = Gateway(GOOD), Gateway(GOOD)
    await found(one)
    await found(other)
    used = [
        gateway.bodies["/v1/rag/upsert"]["documents"][0]["namespace"] for gateway in (one, other)
    ]
    assert used[0] != used[1]
    assert one.bodies["/v1/rag/search"]["namespace"] == used[0]


async def test_what_makes_it_unready_is_the_cause_and_not_that_it_is() -> None:
    """It said: "ready: 503: It answers 503, but not what it should."."""
    away = {
        **GOOD,
        "/readyz": {"status": "not ready", "missing": ["database"]},
        "/healthz/deps": {**GOOD["/healthz/deps"], "postgres": False},
    }

    class Unready(Gateway):
        async def ask(self, path: str, body: object = None) -> Said:
            said = await super().ask(path, body)
            is_bad = path in {"/readyz", *LIST_ROUTES}
            return msgspec.structs.replace(said, status=503) if is_bad else said

    findings = await Checkup(smoke_checks(Unready(away), PLAN), FakeClock()).findings()
    assert findings[0].name == "database"
    told = {finding.name: finding for finding in findings}
    assert told["ready"].detail == "503: Missing: database."
    for name in ("ready", "list /v1/keys"):
        assert told[name].remedy == "Needs: database. See there first."


async def test_its_document_is_soon_found_by_nobody() -> None:
    """Every run left a document for ever, and searches of all namespaces found them."""
    gateway = Gateway(GOOD)
    await found(gateway)
    (document,) = gateway.bodies["/v1/rag/upsert"]["documents"]
    assert 0 < document["metadata"]["ttl_days"] < 0.01
