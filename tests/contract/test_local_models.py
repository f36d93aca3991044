"""The local models as upstreams: real processes, real weights, OpenAI's shapes on a Unix socket."""

import math
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support.children import short_folder, started

from hx_gateway.core.http import Deadlines, Exchange, HttpRequest, Origin
from hx_gateway.transport.client import Client

CHAT = "/v1/chat/completions"
SHORT = Deadlines(first_byte=120.0, total=120.0)


@pytest.fixture(scope="module")
def embed() -> Iterator[Path]:
    with short_folder() as folder, started("embed", folder) as socket:
        yield socket


@pytest.fixture(scope="module")
def chat() -> Iterator[Path]:
    with short_folder() as folder, started("chat", folder) as socket:
        yield socket


@pytest.fixture(scope="module")
def scripted() -> Iterator[Path]:
    with short_folder() as folder, started("scripted", folder) as socket:
        yield socket


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    client = Client()
    yield client
    await client.aclose()


async def send(client: Client, socket: Path, path: str, body: Any) -> Exchange:
    request = HttpRequest(path=path, body=msgspec.json.encode(body))
    return await client.send(Origin(socket_path=str(socket)), request, SHORT)


async def ask(client: Client, socket: Path, path: str, body: Any) -> tuple[int, Any]:
    exchange = await send(client, socket, path, body)
    try:
        return exchange.status, msgspec.json.decode(await exchange.read())
    finally:
        exchange.close()


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "any", "messages": [{"role": "user", "content": text}], **more}


async def test_texts_that_mean_alike_have_vectors_that_are_near(
    client: Client, embed: Path
) -> None:
    texts = [
        "The cat sits on the mat.",
        "A kitten is resting on a rug.",
        "Quarterly profits rose sharply.",
    ]
    status, answer = await ask(client, embed, "/v1/embeddings", {"input": texts})
    assert status == 200
    a, b, c = (each["embedding"] for each in answer["data"])
    assert {len(a), len(b), len(c)} == {384}
    assert math.isclose(math.hypot(*a), 1.0, abs_tol=1e-5)
    assert cosine(a, b) > cosine(a, c) + 0.05


async def test_a_text_has_the_same_vector_alone_and_in_company(client: Client, embed: Path) -> None:
    _, alone = await ask(client, embed, "/v1/embeddings", {"input": "a short text"})
    texts = ["something much longer " * 20, "a short text"]
    _, company = await ask(client, embed, "/v1/embeddings", {"input": texts})
    assert alone["data"][0]["embedding"] == company["data"][1]["embedding"]


async def test_embedding_usage_counts_the_tokens_that_were_read(
    client: Client, embed: Path
) -> None:
    _, short = await ask(client, embed, "/v1/embeddings", {"input": "hello world"})
    _, long = await ask(client, embed, "/v1/embeddings", {"input": "hello " * 1000})
    assert short["usage"] == {"prompt_tokens": 4, "total_tokens": 4}  # [CLS] hello world [SEP]
    assert long["usage"]["prompt_tokens"] == 256


@pytest.mark.parametrize("body", [{}, {"input": []}, {"input": ""}, {"input": [1]}])
async def test_what_cannot_be_embedded_is_refused(
    client: Client, embed: Path, body: object
) -> None:
    status, answer = await ask(client, embed, "/v1/embeddings", body)
    assert (status, answer["error"]["type"]) == (400, "invalid_request_error")


async def test_the_model_chats(client: Client, chat: Path) -> None:
    status, answer = await ask(client, chat, CHAT, said("What is 2+2?", max_tokens=12))
    assert status == 200
    assert "4" in answer["choices"][0]["message"]["content"]
    assert answer["usage"]["prompt_tokens"] > 0
    assert 0 < answer["usage"]["completion_tokens"] <= 12


async def test_the_model_streams_token_by_token(client: Client, chat: Path) -> None:
    body = said("What is 2+2?", max_tokens=4, stream=True, stream_options={"include_usage": True})
    exchange = await send(client, chat, CHAT, body)
    lines = (await exchange.read()).decode().split("\n\n")
    exchange.close()
    assert lines[-2:] == ["data: [DONE]", ""]
    chunks = [msgspec.json.decode(line.removeprefix("data: ")) for line in lines[:-2]]
    texts = [c["choices"][0]["delta"].get("content") for c in chunks if c["choices"]]
    assert len([text for text in texts if text]) == 4
    assert chunks[-2]["choices"][0]["finish_reason"] == "length"
    assert chunks[-1]["usage"]["completion_tokens"] == 4


async def test_who_leaves_a_stream_frees_the_model(client: Client, chat: Path) -> None:
    exchange = await send(client, chat, CHAT, said("Tell a long story.", stream=True))
    await exchange.receive()
    exchange.close()
    began = time.monotonic()
    status, _ = await ask(client, chat, CHAT, said("Hi", max_tokens=1))
    assert status == 200
    # The rest of the story would have taken a thousand tokens.
    assert time.monotonic() - began < 30


async def test_an_answer_follows_a_json_schema(client: Client, chat: Path) -> None:
    schema = {
        "type": "object",
        "properties": {"ok": {"type": "boolean"}},
        "required": ["ok"],
        "additionalProperties": False,
    }
    format_ = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    body = said("Is 2 even?", response_format=format_, max_tokens=40)
    _, answer = await ask(client, chat, CHAT, body)
    assert isinstance(msgspec.json.decode(answer["choices"][0]["message"]["content"])["ok"], bool)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"messages": []}, None),
        (said("hello " * 3000), "context_length_exceeded"),
        (said("hi", max_tokens=0), None),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, None),
        (
            said(
                "hi",
                response_format={
                    "type": "json_schema",
                    "json_schema": {"schema": {"type": "nonsense"}},
                },
            ),
            None,
        ),
    ],
)
async def test_what_cannot_be_answered_is_refused_also_as_a_stream(
    client: Client, chat: Path, body: dict[str, Any], code: str | None
) -> None:
    status, answer = await ask(client, chat, CHAT, {**body, "stream": True})
    assert (status, answer["error"]["code"]) == (400, code)


async def test_a_script_says_that_it_is_one(client: Client, scripted: Path) -> None:
    _, answer = await ask(client, scripted, CHAT, said("Hello"))
    assert answer["choices"][0]["message"]["content"].startswith("demo: no model ran")
    assert answer["system_fingerprint"] == "demo: no model ran"


@pytest.mark.parametrize("name", ["embed", "chat", "scripted"])
async def test_a_child_lists_its_model_and_its_health(
    client: Client, name: str, request: pytest.FixtureRequest
) -> None:
    origin = Origin(socket_path=str(request.getfixturevalue(name)))
    for path in ("/healthz", "/v1/models"):
        exchange = await client.send(origin, HttpRequest(method="GET", path=path), SHORT)
        assert exchange.status == 200
        await exchange.read()
        exchange.close()


def cosine(one: list[float], other: list[float]) -> float:
    return sum(x * y for x, y in zip(one, other, strict=True))  # they are of length 1
