"""Acceptance cases over HTTP, by their ids: health, identity, admin, models, proxy, OpenAPI."""

import math
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from openapi_spec_validator import validate
from tests.e2e.conftest import simple_config
from tests.e2e.test_dependencies import LISTS, until_deps
from tests.support.fetch import Answer
from tests.support.served import MASTER_KEY, Gateway, running
from tests.support.upstream import Mode, Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADMIN = "admin-write-key-0123456789abcdef01234567"
LIMIT = 20_000
CHAT: dict[str, Any] = {
    "model": "chat-a",
    "messages": [{"role": "user", "content": "Return exactly the text: HX-OK"}],
    "max_tokens": 10,
    "temperature": 0,
}
COMPLETE, SEARCH, UPSERT = "/v1/chat/completions", "/v1/rag/search", "/v1/rag/upsert"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    tmp_path_factory: pytest.TempPathFactory, shared_upstream: Upstream
) -> AsyncIterator[Gateway]:
    """No write key of its own; a limit; two groups; one foreign origin is allowed."""
    config = simple_config(shared_upstream)
    config["hx"] = {
        "server": {"max_body": LIMIT, "cors_origins": ["https://app.example"]},
        "routing": {"default_group": "chat-a"},
        "rag": {"embedding_model": "emb"},
    }
    state: Path = tmp_path_factory.mktemp("acceptance") / "s"
    async with running(state, config=config) as served:
        await until_deps(served, redis=True, qdrant=True)
        yield served


@pytest_asyncio.fixture(loop_scope="module")
async def user(gateway: Gateway) -> str:
    """An ordinary key."""
    made = await gateway.ask("/key/generate", json={})
    return str(made.json()["key"])


def check_error(answer: Answer, status: int, type_: str) -> None:
    """ERR(code, type): the envelope, an id, and nothing that is not the client's business."""
    assert answer.status == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert error["type"] == type_
    assert error["message"]
    assert answer.headers["x-request-id"]
    assert "Traceback" not in answer.text
    assert not re.search(r"\d+\.\d+\.\d+\.\d+|hx_\w+|sk-\w{8}", answer.text)


async def test_hlt_01_02_06_07_health_without_a_key(gateway: Gateway, upstream: Upstream) -> None:
    answer = await gateway.ask("/healthz", key=None)
    assert (answer.status, answer.json()["ok"], answer.json()["status"]) == (200, True, "ok")
    for path in ("/healthz", "/livez", "/readyz"):
        assert (await gateway.ask(path, key=None)).status == 200
        head = await gateway.ask(path, key=None, method="HEAD")
        assert (head.status, head.body) == (200, b"")
    assert upstream.asked == []


async def test_hlt_03_08_dependencies_are_named_by_role_without_addresses(gateway: Gateway) -> None:
    body = (await gateway.ask("/healthz/deps", key=None)).json()
    assert (body["postgres"], body["redis"], body["qdrant"]) == (True, True, True)
    assert isinstance(body["embedding_model"], str)
    for path in ("/healthz", "/healthz/deps", "/livez", "/readyz", "/health/readiness"):
        text = (await gateway.ask(path, key=None)).text
        assert not re.search(r"127\.0\.0\.1|localhost|://|\.sock", text), text
        assert MASTER_KEY not in text


@pytest.mark.parametrize(
    "sent", [None, "Bearer wrong", "Bearer ", "Basic d3Jvbmc=", "wrong", "Bearer"]
)
async def test_auth_01_02_03_no_valid_key_is_401(
    gateway: Gateway, upstream: Upstream, sent: str | None
) -> None:
    headers = {} if sent is None else {"authorization": sent}
    answer = await gateway.ask("/v1/models", key=None, headers=headers)
    check_error(answer, 401, "authentication_error")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert not re.search("database|postgres|sqlite|db", answer.text.lower())
    assert upstream.asked == []


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (f"bearer {MASTER_KEY}", 200),
        (f"BEARER {MASTER_KEY}", 200),
        (f"Bearer    {MASTER_KEY}  ", 200),
        (f"Bearer {MASTER_KEY.upper()}", 401),
        (f"Bearer {MASTER_KEY}x", 401),
    ],
)
async def test_auth_04_the_scheme_has_no_case_and_the_key_has(
    gateway: Gateway, sent: str, status: int
) -> None:
    assert (
        await gateway.ask("/v1/models", key=None, headers={"authorization": sent})
    ).status == status


async def test_auth_07_08_09_writing_needs_the_scope(gateway: Gateway, user: str) -> None:
    body = {"documents": [{"text": "never", "namespace": "auth"}]}
    anything = {"x-hx-admin-key": ADMIN}  # none is configured: it fails closed
    assert (await gateway.ask(UPSERT, json=body, key=user)).status == 403
    assert (await gateway.ask(UPSERT, json=body, key=user, headers=anything)).status == 403
    assert (await gateway.ask(UPSERT, json=body, key=None, headers=anything)).status == 401
    assert (await gateway.ask(UPSERT, json=body, key=None)).status == 401
    empty = {"x-hx-admin-key": ""}
    assert (await gateway.ask(UPSERT, json=body, key=None, headers=empty)).status == 401
    found = await gateway.ask(SEARCH, json={"query": "never", "namespace": "auth"})
    assert found.json()["result"] == []


@pytest.mark.parametrize("body", [{}, {"query": "x"}, {"vector": [0.1] * 384}])
@pytest.mark.parametrize("sent", [{}, {"authorization": "Bearer nonsense"}])
async def test_auth_11_12_identity_comes_before_the_body(
    gateway: Gateway, upstream: Upstream, body: dict[str, Any], sent: dict[str, str]
) -> None:
    answer = await gateway.ask(SEARCH, json=body, key=None, headers=sent)
    check_error(answer, 401, "authentication_error")
    assert upstream.asked == []


async def test_auth_13_a_revoked_key_is_refused_at_once(gateway: Gateway) -> None:
    key = (await gateway.ask("/key/generate", json={})).json()["key"]
    assert (await gateway.ask("/v1/models", key=key)).status == 200
    assert (await gateway.ask("/key/delete", json={"keys": [key]})).status == 200
    assert (await gateway.ask("/v1/models", key=key)).status == 401


@pytest.mark.parametrize("path", [SEARCH, COMPLETE])
async def test_auth_16_preflights_are_answered_for_allowed_origins_only(
    gateway: Gateway, path: str
) -> None:
    def asked(origin: str) -> dict[str, str]:
        return {
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type",
        }

    ours = await gateway.ask(path, method="OPTIONS", key=None, headers=asked("https://app.example"))
    assert 200 <= ours.status < 300
    assert ours.headers["access-control-allow-origin"] == "https://app.example"
    assert "POST" in ours.headers["access-control-allow-methods"]
    assert "authorization" in ours.headers["access-control-allow-headers"].lower()
    for origin in ("https://evil.example", "null", "https://app.example.evil.example"):
        foreign = await gateway.ask(path, method="OPTIONS", key=None, headers=asked(origin))
        assert "access-control-allow-origin" not in foreign.headers
    with_key = await gateway.ask("/v1/models", headers={"origin": "https://app.example"})
    assert with_key.headers["access-control-allow-origin"] == "https://app.example"


async def test_adm_01_02_lists_are_for_administrators(gateway: Gateway, user: str) -> None:
    for path in LISTS:
        answer = await gateway.ask(path)
        assert (answer.status, type(answer.json()["data"])) == (200, list)
        check_error(await gateway.ask(path, key=None), 401, "authentication_error")
        check_error(await gateway.ask(path, key=user), 403, "permission_error")


async def test_adm_05_08_a_key_for_one_model(gateway: Gateway, upstream: Upstream) -> None:
    made = (await gateway.ask("/key/generate", json={"models": ["chat-a"]})).json()
    key = made["key"]
    for path in (
        "/key/list?return_full_object=true&size=100",
        "/v1/keys",
        f"/key/info?key={made['token']}",
    ):
        assert key not in (await gateway.ask(path)).text
    assert (await gateway.ask(COMPLETE, json=CHAT, key=key)).status == 200
    other = await gateway.ask(COMPLETE, json={**CHAT, "model": "chat-b"}, key=key)
    check_error(other, 403, "permission_error")
    assert (await gateway.ask("/key/delete", json={"keys": [key]})).status == 200
    check_error(await gateway.ask(COMPLETE, json=CHAT, key=key), 401, "authentication_error")
    assert key.encode() not in (gateway.state / "hx-gateway.db").read_bytes()


async def test_oai_01_02_models(gateway: Gateway) -> None:
    listed = (await gateway.ask("/v1/models")).json()
    assert listed["object"] == "list"
    assert {"chat-a", "chat-b", "emb"} <= {model["id"] for model in listed["data"]}
    head = await gateway.ask("/v1/models", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    wrong = await gateway.ask("/v1/models", method="DELETE")
    assert (wrong.status, wrong.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("model", ["chat-a", "chat-b"])
async def test_oai_03_04_chat(gateway: Gateway, upstream: Upstream, model: str) -> None:
    answer = (await gateway.ask(COMPLETE, json={**CHAT, "model": model})).json()
    assert answer["choices"][0]["message"]["content"] == "HX-OK"
    assert isinstance(answer["usage"]["total_tokens"], int)


async def test_oai_06_a_stream_ends_with_done(gateway: Gateway, upstream: Upstream) -> None:
    answer = await gateway.ask(COMPLETE, json={**CHAT, "stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.rstrip().endswith("data: [DONE]")


async def test_oai_08_an_unknown_model_reaches_nobody(gateway: Gateway, upstream: Upstream) -> None:
    answer = await gateway.ask(COMPLETE, json={**CHAT, "model": "nowhere"})
    check_error(answer, 404, "invalid_request_error")
    assert answer.json()["error"]["code"] == "model_not_found"
    assert upstream.asked == []


@pytest.mark.parametrize("path", [COMPLETE, "/v1/embeddings", "/v1/completions", SEARCH, UPSERT])
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'["a"]',
        b"",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b"[" * 2000,
        b'{"a":1}}',
        b"NaN",
        b'{"model":"chat-a","model":"chat-b","input":"a","messages":[]}',
        b'{"input":[{"a":1,"a":1}]}',
        b'{"user":"\\ud83d"}',
    ],
)
async def test_oai_09_rs_18_a_broken_body_is_a_400_in_json(
    gateway: Gateway, upstream: Upstream, path: str, body: bytes
) -> None:
    answer = await gateway.ask(path, method="POST", body=body)
    is_json = body in {b'["a"]', b"null", b'"text"'}
    status = 422 if is_json and path in {SEARCH, UPSERT} else 400
    check_error(answer, status, answer.json()["error"]["type"])
    assert upstream.asked == []


async def test_a_doubled_key_is_refused_in_the_words_of_the_route(
    gateway: Gateway, upstream: Upstream
) -> None:
    body = (
        b'{"model":"chat-a","max_tokens":9,"messages":[{"role":"user","content":"a"}],"model":"b"}'
    )
    for path in (COMPLETE, "/v1/responses", "/v1/messages"):
        answer = await gateway.ask(path, method="POST", body=body)
        error = answer.json()["error"]
        assert (answer.status, error["type"]) == (400, "invalid_request_error")
        assert error["message"] == "'model' is given twice."
        is_anthropic = path == "/v1/messages"
        assert ("param" in error, answer.json().get("type") == "error") == (
            not is_anthropic,
            is_anthropic,
        )
    assert upstream.asked == []


async def test_oai_10_the_limit_holds_to_the_byte(gateway: Gateway, upstream: Upstream) -> None:
    import msgspec

    def body(size: int) -> bytes:
        plain = msgspec.json.encode({**CHAT, "user": ""})
        return plain.replace(b'"user":""', b'"user":"' + b"x" * (size - len(plain)) + b'"')

    assert len(body(LIMIT)) == LIMIT
    assert (await gateway.ask(COMPLETE, method="POST", body=body(LIMIT))).status == 200
    upstream.asked.clear()
    answer = await gateway.ask(COMPLETE, method="POST", body=body(LIMIT + 1))
    check_error(answer, 413, "invalid_request_error")
    assert upstream.asked == []


async def test_oai_11_12_prompt_is_taken_for_input(gateway: Gateway, upstream: Upstream) -> None:
    vectors = []
    for field in ("input", "prompt"):
        answer = await gateway.ask("/v1/embeddings", json={"model": "emb", field: "HX-OK"})
        assert answer.status == 200
        vectors.append(answer.json()["data"][0]["embedding"])
    assert vectors[0] == vectors[1]
    assert len(vectors[0]) == 384
    assert all("prompt" not in sent and sent["input"] == "HX-OK" for sent in upstream.bodies)


async def test_oai_17_near_texts_have_near_vectors_every_time(
    gateway: Gateway, upstream: Upstream
) -> None:
    texts = ["a cat sat on the mat", "a cat sat on a mat", "stock prices fell in Tokyo"]
    asked = {"model": "emb", "input": texts}
    answers = [(await gateway.ask("/v1/embeddings", json=asked)).json() for _ in range(2)]
    vectors = [[one["embedding"] for one in answer["data"]] for answer in answers]
    assert vectors[0] == vectors[1]
    assert [one["index"] for one in answers[0]["data"]] == [0, 1, 2]  # each where its text was
    first, near, far = vectors[0]
    assert cosine(first, near) > cosine(first, far) + 0.05


def cosine(one: list[float], other: list[float]) -> float:
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return product / math.sqrt(sum(a * a for a in one) * sum(b * b for b in other))


async def test_rte_01_02_the_default_group(gateway: Gateway, upstream: Upstream) -> None:
    body = {key: value for key, value in CHAT.items() if key != "model"}
    plain = await gateway.ask(COMPLETE, json=body)
    assert (plain.status, plain.headers["x-litellm-model-group"]) == (200, "chat-a")
    picked = await gateway.ask(COMPLETE, json=body, headers={"x-hx-model-group": "chat-b"})
    assert (picked.status, picked.headers["x-litellm-model-group"]) == (200, "chat-b")
    unknown = await gateway.ask(COMPLETE, json=body, headers={"x-hx-model-group": "nowhere"})
    assert unknown.status in {400, 404}
    assert len(upstream.asked) == 2


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/models", None, 200),
        ("/nowhere", None, 404),
        (COMPLETE, b"{", 400),
        (COMPLETE, b"x" * (LIMIT + 1), 413),
        ("/v1/keys", None, 200),
        ("/livez", None, 200),
    ],
)
async def test_prx_04_every_json_answer_has_the_safe_headers(
    gateway: Gateway, path: str, body: bytes | None, status: int
) -> None:
    answer = await gateway.ask(path, body=body)
    assert answer.status == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["content-security-policy"]
    assert answer.headers["x-request-id"]
    assert "server" not in answer.headers


@pytest.mark.parametrize(("mode", "status"), [(Mode.NOT_HTTP, 502), (Mode.GARBAGE, 502)])
async def test_prx_06_a_bad_upstream_is_a_502_without_its_address(
    gateway: Gateway, upstream: Upstream, mode: Mode, status: int
) -> None:
    upstream.mode = mode
    answer = await gateway.ask(COMPLETE, json=CHAT)
    check_error(answer, status, answer.json()["error"]["type"])


@pytest.mark.parametrize(
    "path", ["/nowhere", "/v1/nothing", "/v1/rag/nothing", "/v1//models", "/.env"]
)
async def test_prx_08_an_unknown_path_is_404_with_and_401_without_a_key(
    gateway: Gateway, path: str
) -> None:
    check_error(await gateway.ask(path), 404, "not_found_error")
    check_error(await gateway.ask(path, key=None), 401, "authentication_error")


async def test_oas_01_02_04_05_06_the_description_is_valid_and_complete(gateway: Gateway) -> None:
    answer = await gateway.ask("/openapi.json", key=None)
    document = answer.json()
    validate(document)
    paths = document["paths"]
    assert {"/healthz", SEARCH, UPSERT, COMPLETE, "/v1/models"} <= set(paths)
    assert not [path for path in paths if "{path" in path or "*" in path]
    assert document["components"]["securitySchemes"]
    # Generators make classes of these names, and two of one name are none.
    assert [each for each in document["components"]["schemas"] if not each.isalnum()] == []
    ids = [one["operationId"] for methods in paths.values() for one in methods.values()]
    assert len(ids) == len(set(ids))
    for path, statuses in ((UPSERT, {"401", "403", "422", "503"}), (SEARCH, {"401", "422", "503"})):
        operation = paths[path]["post"]
        assert statuses <= set(operation["responses"]), path
        assert operation["security"]


async def test_rs_19_a_wrong_method_names_the_right_one(gateway: Gateway) -> None:
    answer = await gateway.ask(SEARCH)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


async def test_obs_01_metrics_can_be_read(gateway: Gateway) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    answer = await gateway.ask("/metrics")
    assert answer.status == 200
    assert len(list(text_string_to_metric_families(answer.text))) > 10
