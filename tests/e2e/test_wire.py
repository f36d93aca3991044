"""What the answers look like on the wire, case by case."""

import asyncio
from typing import Any

import msgspec
import pytest
from tests.e2e.conftest import simple_config
from tests.support.served import MASTER_KEY, Gateway, until
from tests.support.upstream import Mode, Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = {
    "model": "chat-a",
    "messages": [{"role": "user", "content": "Return exactly the text: HX-OK"}],
}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/models", None, 200),
        ("GET", "/models", None, 200),
        ("HEAD", "/v1/models", None, 200),
        ("DELETE", "/v1/models", None, 405),
        ("GET", "/v1/models/chat-a", None, 200),
        ("GET", "/v1/models/nowhere", None, 404),
        ("GET", "/v1/nothing/here", None, 404),
        ("POST", "/v1/chat/completions", b"{", 400),
        ("POST", "/v1/chat/completions", b'["a"]', 400),
        ("POST", "/v1/chat/completions", b"", 400),
        ("POST", "/v1/chat/completions", b'{"messages":[]}', 400),
        ("POST", "/v1/chat/completions", b'{"model":5}', 400),
        ("POST", "/v1/chat/completions", b'{"model":"chat-a","api_base":"http://x"}', 400),
        ("POST", "/v1/embeddings", b'{"model":"emb","input":""}', 400),
        ("POST", "/v1/embeddings", b'{"model":"emb","input":[]}', 400),
        ("POST", "/v1/embeddings", b'{"model":"emb"}', 400),
    ],
)
async def test_statuses(
    gateway: Gateway, method: str, path: str, body: bytes | None, status: int
) -> None:
    answer = await gateway.ask(path, method=method, body=body)
    assert answer.status == status
    headers = answer.headers
    assert headers["x-request-id"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "content-security-policy" in headers
    assert "server" not in headers
    if status >= 400:
        error = answer.json()["error"]
        assert error["message"]
        assert {"type", "param", "code"} <= set(error)
    if method == "HEAD":
        assert answer.body == b""


@pytest.mark.parametrize("key", [None, "sk-wrong-0123456789abcdef0123456789abc", "wrong"])
@pytest.mark.parametrize("path", ["/v1/models", "/v1/keys", "/no/such/path", "/v1/rag/search"])
async def test_without_a_valid_key_everything_is_401(
    gateway: Gateway, upstream: Upstream, path: str, key: str | None
) -> None:
    answer = await gateway.ask(path, key=key)
    assert answer.status == 401
    assert answer.json()["error"]["type"] == "authentication_error"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "database" not in answer.text.lower()
    assert upstream.asked == []


async def test_the_legacy_prompt_of_embeddings_is_sent_as_input(
    gateway: Gateway, upstream: Upstream
) -> None:
    new = await gateway.ask(
        "/v1/embeddings", method="POST", json={"model": "emb", "input": "HX-OK"}
    )
    old = await gateway.ask(
        "/v1/embeddings", method="POST", json={"model": "emb", "prompt": "HX-OK"}
    )
    assert old.json()["data"] == new.json()["data"]
    assert all("prompt" not in body for body in upstream.bodies)


async def test_unknown_parameters_pass_through_untouched(
    gateway: Gateway, upstream: Upstream
) -> None:
    extra: dict[str, Any] = {"logit_bias": {"1": -100}, "vendor_thing": {"deep": [1, 2.50]}}
    await gateway.ask("/v1/chat/completions", method="POST", json={**CHAT, **extra})
    sent = upstream.bodies[0]
    assert {name: sent[name] for name in extra} == extra
    assert set(sent) == {"model", "messages", *extra}


async def test_prx_02_the_clients_own_credentials_and_cookies_stay_here(
    gateway: Gateway, upstream: Upstream
) -> None:
    headers = {"cookie": "session=1", "x-forwarded-for": "1.2.3.4", "openai-organization": "org"}
    await gateway.ask("/v1/chat/completions", method="POST", json=CHAT, headers=headers)
    sent = upstream.asked[0].headers
    assert MASTER_KEY not in str(sent)
    assert "cookie" not in sent
    assert "x-forwarded-for" not in sent


async def test_litellms_headers_tell_what_answered(gateway: Gateway) -> None:
    answer = await gateway.ask("/v1/chat/completions", method="POST", json=CHAT)
    assert answer.headers["x-litellm-model-group"] == "chat-a"
    assert answer.headers["x-litellm-model-id"]
    assert answer.headers["x-litellm-call-id"] == answer.headers["x-request-id"]


async def test_a_hung_upstream_is_504(upstream: Upstream, tmp_path: Any) -> None:
    config = simple_config(upstream, litellm_settings={"request_timeout": 0.5, "num_retries": 0})
    served = Gateway(tmp_path / "state", config=config)
    served.start()
    try:
        await served.wait_ready()
        upstream.mode = Mode.HANG
        for stream in (False, True):
            answer = await served.ask(
                "/v1/chat/completions", method="POST", json={**CHAT, "stream": stream}
            )
            assert answer.status == 504
            assert answer.json()["error"]["code"] == "upstream_timeout"
    finally:
        await served.stop()


async def test_a_client_that_leaves_closes_the_upstream(
    gateway: Gateway, upstream: Upstream
) -> None:
    upstream.mode = Mode.HANG
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    body = msgspec.json.encode(CHAT)
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer "
        + MASTER_KEY.encode()
        + f"\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        + body
    )
    try:
        await until(lambda: bool(upstream.asked), 60.0, "it is asked")
    finally:
        writer.close()
    await asyncio.wait_for(upstream.asked[0].gone.wait(), 60.0)
    assert await reader.read() == b""
