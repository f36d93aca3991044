"""`explain` and `connect`: what they say holds when it is done."""

import asyncio
import os
import sys
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import openai
import pytest
from tests.e2e.conftest import UPSTREAM_KEY, simple_config
from tests.support.served import Gateway
from tests.support.upstream import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASK: dict[str, Any] = {
    "model": "chat-a",
    "messages": [{"role": "user", "content": "Return exactly the text: HX-OK"}],
    "max_tokens": 50,
}


async def test_the_request_that_is_shown_is_the_one_that_is_sent(
    gateway: Gateway, upstream: Upstream
) -> None:
    told = (await gateway.ask("/v1/explain", json={"request": ASK})).json()
    assert upstream.asked == []  # nothing was sent
    answer = await gateway.ask("/v1/chat/completions", json=ASK)
    assert answer.status == 200
    sent = upstream.asked[-1]
    shown = told["request"]
    assert (shown["method"], shown["path"], shown["body"]) == (
        sent.method, sent.path, sent.json()
    )  # fmt: skip
    for name, value in shown["headers"].items():
        assert value in {"***", sent.headers[name]}
    assert UPSTREAM_KEY not in str(told)
    assert told["candidates"][0]["deployment"] == answer.headers["x-litellm-model-id"]


async def test_another_format_is_explained_as_it_is_translated(
    gateway: Gateway, upstream: Upstream
) -> None:
    ask = {"model": "chat-a", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    asked = {"request": ask, "path": "/v1/messages"}
    told = (await gateway.ask("/v1/explain", json=asked)).json()
    assert told["request"]["path"] == "/v1/chat/completions"
    assert told["request"]["relayed"] is False


async def test_a_key_explains_only_its_own_calls(gateway: Gateway, upstream: Upstream) -> None:
    made = await gateway.ask("/key/generate", json={"key_alias": "bound", "models": ["chat-a"]})
    key = made.json()["key"]
    own = await gateway.ask("/v1/explain", json={"request": ASK}, key=key)
    assert own.status == 200
    told = own.json()
    assert told["key"]["allowed"]
    assert told["request"]["address"] is None
    denied = {"request": {**ASK, "model": "chat-b"}}
    told = (await gateway.ask("/v1/explain", json=denied, key=key)).json()
    assert (told["key"]["allowed"], told["route"], told["request"]) == (False, None, None)
    other = await gateway.ask("/v1/explain", json={"request": ASK, "key": "bound"}, key=key)
    assert other.status == 403
    told = (await gateway.ask("/v1/explain", json={**denied, "key": "bound"})).json()
    assert told["key"]["code"] == "key_model_access_denied"
    told = (await gateway.ask("/v1/explain", json={"request": ASK, "key": "nobody"})).json()
    assert told["key"]["allowed"] is False
    assert (await gateway.ask("/key/delete", json={"keys": [key]})).status == 200


async def test_a_request_that_cannot_be_read_is_refused_as_it_would_be(gateway: Gateway) -> None:
    answer = await gateway.ask("/v1/explain", json={"request": {**ASK, "api_base": "http://x"}})
    assert (answer.status, answer.json()["error"]["param"]) == (400, "api_base")


async def test_the_command_asks_the_running_gateway(gateway: Gateway, tmp_path: Path) -> None:
    file = tmp_path / "body.json"
    file.write_bytes(msgspec.json.encode(ASK))
    ran = await gateway.run("explain", "--request", str(file), "--port", str(gateway.port))
    assert ran.code == 0, ran.err
    assert "may make this call" in ran.out
    assert "POST" in ran.out
    assert "/v1/chat/completions" in ran.out
    assert UPSTREAM_KEY not in ran.out
    ran = await gateway.run(
        "explain", "--request", str(file), "--port", str(gateway.port), "--json"
    )
    assert '"candidates":[{' in ran.out


async def test_the_command_works_without_a_gateway(upstream: Upstream, tmp_path: Path) -> None:
    stopped = Gateway(tmp_path / "s", config=simple_config(upstream))
    file = tmp_path / "body.json"
    file.write_text('{"model": "nowhere", "messages": []}')
    ran = await stopped.run("explain", "--request", str(file), "--port", str(stopped.port))
    assert ran.code == 1
    assert "refused   404" in ran.out
    assert "No gateway runs here" in ran.err


async def settings_of(gateway: Gateway, client: str) -> dict[str, Any]:
    ran = await gateway.run(
        "connect", client, "--port", str(gateway.port), "--model", "chat-a", "--show-key", "--json"
    )
    assert ran.code == 0, ran.err
    return msgspec.json.decode(ran.out, type=dict[str, Any])


async def test_claude_codes_environment_reaches_the_gateway(
    gateway: Gateway, upstream: Upstream
) -> None:
    """The SDK beneath it reads the same variables, in a process of its own."""
    environment = (await settings_of(gateway, "claude-code"))["environment"]
    program = (
        "import anthropic, os\n"
        "message = anthropic.Anthropic(max_retries=0).messages.create(\n"
        "    model=os.environ['ANTHROPIC_MODEL'], max_tokens=50,\n"
        "    messages=[{'role': 'user', 'content': 'Return exactly the text: HX-OK'}])\n"
        "print(message.content[0].text)\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert out.strip() == b"HX-OK", err


async def test_codexs_file_reaches_the_gateway(gateway: Gateway, upstream: Upstream) -> None:
    settings = await settings_of(gateway, "codex")
    config = tomllib.loads(settings["content"])
    provider = config["model_providers"][config["model_provider"]]
    key = settings["environment"][provider["env_key"]]
    async with openai.AsyncOpenAI(base_url=provider["base_url"], api_key=key) as client:
        answer = await client.responses.create(
            model=config["model"], input="Return exactly the text: HX-OK"
        )
    assert answer.output_text == "HX-OK"


async def test_open_webuis_environment_reaches_the_gateway(
    gateway: Gateway, upstream: Upstream
) -> None:
    environment = (await settings_of(gateway, "open-webui"))["environment"]
    async with openai.AsyncOpenAI(
        base_url=environment["OPENAI_API_BASE_URL"], api_key=environment["OPENAI_API_KEY"]
    ) as client:
        names = [model.id async for model in client.models.list()]
    assert environment["DEFAULT_MODELS"] in names


async def test_no_key_is_printed_unless_asked(gateway: Gateway) -> None:
    for client in ("claude-code", "codex", "open-webui"):
        ran = await gateway.run("connect", client, "--model", "chat-a")
        assert ran.code == 0, ran.err
        assert str(gateway.key) not in ran.out
        assert "YOUR-HX-GATEWAY-KEY" in ran.out
