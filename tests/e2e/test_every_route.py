"""Every route that the program says it has: without a key, with one, and with the wrong method."""

import re
from typing import Any

import pytest
from tests.support.served import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")
OPEN = {
    "/livez",
    "/readyz",
    "/healthz",
    "/healthz/deps",
    "/health/liveliness",
    "/health/liveness",
    "/health/readiness",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/docs/docs.css",
    "/docs/docs.js",
}


async def operations(gateway: Gateway) -> list[tuple[str, str, dict[str, Any]]]:
    document = (await gateway.ask("/openapi.json", key=None)).json()
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


async def test_auth_06_without_a_key_only_the_open_routes_answer(gateway: Gateway) -> None:
    found = await operations(gateway)
    assert len(found) > 25
    for method, path, _ in found:
        concrete = re.sub(r"\{[^}]+\}", "x", path)
        answer = await gateway.ask(concrete, method=method, key=None, body=b"{}")
        if path in OPEN:
            assert answer.status in {200, 503}, (method, path, answer.status)
        else:
            assert answer.status == 401, (method, path, answer.status)
            assert answer.json()["error"]["type"] == "authentication_error"


async def test_every_protected_operation_declares_its_errors(gateway: Gateway) -> None:
    for method, path, operation in await operations(gateway):
        if path not in OPEN:
            assert "401" in operation["responses"], (method, path)
            assert operation["security"], (method, path)
        assert operation["summary"]
        assert operation["operationId"]


async def test_a_wrong_method_names_the_right_ones(gateway: Gateway) -> None:
    for path in sorted({path for _, path, _ in await operations(gateway) if "{" not in path}):
        answer = await gateway.ask(path, method="PATCH", body=b"{}")
        assert answer.status == 405, path
        assert answer.headers["allow"], path


async def test_an_ordinary_key_reaches_no_administration(gateway: Gateway) -> None:
    made = await gateway.ask("/key/generate", json={"key_alias": "ordinary", "models": ["chat-a"]})
    assert made.status == 200, made.text
    key = made.json()["key"]
    for path in ("/v1/keys", "/v1/api_keys", "/v1/teams", "/v1/users", "/key/list"):
        assert (await gateway.ask(path)).status == 200, path
        assert (await gateway.ask(path, key=key)).status == 403, path
    upsert = {"documents": [{"text": "x"}]}
    assert (await gateway.ask("/v1/rag/upsert", json=upsert, key=key)).status == 403
    ask = {"messages": [{"role": "user", "content": "hi"}]}
    chat = "/v1/chat/completions"
    assert (await gateway.ask(chat, json={"model": "chat-a", **ask}, key=key)).status == 200
    assert (await gateway.ask(chat, json={"model": "chat-b", **ask}, key=key)).status == 403
    listed = await gateway.ask("/v1/keys")
    assert key not in listed.text
    assert key.encode() not in (gateway.state / "hx-gateway.db").read_bytes()
    assert (await gateway.ask("/key/delete", json={"keys": [key]})).status == 200
    assert (await gateway.ask(chat, json={"model": "chat-a", **ask}, key=key)).status == 401
