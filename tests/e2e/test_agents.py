"""Coding agents in front of a model that speaks another format: what they send, end to end."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anthropic
import msgspec
import openai
import pytest
import pytest_asyncio
from tests.support.ollama import Ollama
from tests.support.served import Gateway
from tests.support.upstream import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")
CALLS = Path(__file__).parent.parent / "golden" / "calls"
BETAS = "claude-code-20250219,interleaved-thinking-2025-05-14,new-2030-01-01"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node() -> AsyncIterator[Ollama]:
    able = ("completion", "tools", "thinking")
    async with Ollama({"qwen3": able}) as node:
        yield node


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vendor() -> AsyncIterator[Upstream]:
    async with Upstream() as upstream:
        yield upstream


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def agents(
    tmp_path_factory: pytest.TempPathFactory, node: Ollama, vendor: Upstream
) -> AsyncIterator[Gateway]:
    def model(name: str, **params: Any) -> dict[str, Any]:
        return {"model_name": name, "litellm_params": params}

    base = {"model": "openai/scripted", "api_base": vendor.base_url, "api_key": "k"}
    config = {
        "model_list": [
            model("local", model="ollama/qwen3", api_base=node.url),
            model("chat", **base),
            model("strict", **base, params="strict"),
            model("drop", **base, drop_params=True),
        ]
    }
    gateway = Gateway(tmp_path_factory.mktemp("agents") / "s", config=config)
    gateway.start()
    try:
        await gateway.wait_ready()
        yield gateway
    finally:
        await gateway.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def codex(agents: Gateway) -> AsyncIterator[openai.AsyncOpenAI]:
    url = f"{agents.url}/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key=agents.key, max_retries=0) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def claude(agents: Gateway) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        base_url=agents.url,
        api_key=agents.key,
        max_retries=0,
        default_headers={"anthropic-beta": BETAS},
    ) as client:
        yield client


def said(kind: str, name: str) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode((CALLS / kind / f"{name}.json").read_bytes())
    return body


def told(node: Ollama) -> dict[str, Any]:
    """What the node was last asked to answer; it is polled in between."""
    body: dict[str, Any] = [asked for asked in node.asked if asked.path == "/api/chat"][-1].json()
    return body


async def test_codex_calls_its_own_tools_on_an_ollama_node(
    codex: openai.AsyncOpenAI, node: Ollama
) -> None:
    patch = '*** Begin Patch\n+é "x"\n*** End Patch'
    node.tool_call = {"name": "apply_patch", "arguments": {"input": patch}}
    body = {**said("responses", "codex"), "model": "local"}
    kinds, called = [], None
    async for event in await codex.responses.create(**body):
        kinds.append(event.type)
        if event.type == "response.output_item.done" and event.item.type == "custom_tool_call":
            called = event.item
    assert called is not None
    assert (called.name, called.input) == ("apply_patch", patch)
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    sent = told(node)
    assert [tool["function"]["name"] for tool in sent["tools"]] == [
        "shell",
        "apply_patch",
        "mcp__docs__search",
    ]
    assert sent["messages"][2]["thinking"] == "Look first.Open thoughts."

    node.tool_call = {"name": "mcp__docs__search", "arguments": {"q": "bug"}}
    answer = await codex.responses.create(**{**body, "stream": False})
    (call,) = [item for item in answer.output if item.type == "function_call"]
    assert (call.name, call.namespace) == ("search", "mcp__docs")
    node.tool_call = None


async def test_a_conversation_is_remembered_for_an_upstream_without_memory(
    codex: openai.AsyncOpenAI, node: Ollama
) -> None:
    first = await codex.responses.create(model="local", input="Return exactly the text: one")
    assert first.to_dict()["store"] is True
    second = await codex.responses.create(
        model="chat", input="Return exactly the text: two", previous_response_id=first.id
    )
    assert second.output_text == "two"
    assert second.previous_response_id == first.id
    third = await codex.responses.create(
        model="local", input="x", previous_response_id=second.id, stream=True
    )
    last = second
    async for event in third:
        if event.type == "response.completed":
            last = event.response
    contents = [message["content"] for message in told(node)["messages"]]
    assert contents == [
        "Return exactly the text: one", "one", "Return exactly the text: two", "two", "x",
    ]  # fmt: skip
    kept = await codex.responses.retrieve(last.id)
    assert kept.output_text == last.output_text
    items = await codex.responses.input_items.list(last.id, order="asc")
    assert len(items.data) == 5
    await codex.responses.delete(last.id)
    with pytest.raises(openai.NotFoundError):
        await codex.responses.retrieve(last.id)
    with pytest.raises(openai.BadRequestError):
        await codex.responses.cancel(first.id)


async def test_another_key_finds_nothing_of_it(agents: Gateway, codex: openai.AsyncOpenAI) -> None:
    mine = await codex.responses.create(model="local", input="Hello")
    made = await agents.ask("/key/generate", method="POST", body=b"{}")
    other = codex.with_options(api_key=made.json()["key"])
    for response_id in (mine.id, "resp_nothing"):
        with pytest.raises(openai.NotFoundError):
            await other.responses.retrieve(response_id)
        with pytest.raises(openai.NotFoundError):
            await other.responses.create(model="local", input="x", previous_response_id=response_id)


async def test_claude_code_thinks_and_calls_tools_elsewhere(
    claude: anthropic.AsyncAnthropic, vendor: Upstream, node: Ollama
) -> None:
    body = {**said("messages", "claude_code"), "model": "local"}
    del body["stream"], body["context_management"]
    # What it would like is no reason for a node to be told to think; what it demands is.
    body |= {"max_tokens": 2000, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    node.tool_call = {"name": "Bash", "arguments": {"command": "ls -l"}}
    async with claude.messages.stream(**body) as stream:
        final = await stream.get_final_message()
    node.tool_call = None
    assert [block.type for block in final.content] == ["thinking", "tool_use"]
    use = final.content[1]
    assert use.type == "tool_use"
    assert (use.name, use.input) == ("Bash", {"command": "ls -l"})
    assert final.stop_reason == "tool_use"

    raw = await claude.messages.with_raw_response.create(**{**body, "model": "chat"})
    assert "drop:tools" in raw.headers["x-hx-changed"]
    sent = vendor.asked[-1].json()
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["Bash"]
    assert "billing" not in msgspec.json.encode(sent).decode()
    assert "anthropic-beta" not in vendor.asked[-1].headers


async def test_claude_code_counts_tokens_of_any_model(claude: anthropic.AsyncAnthropic) -> None:
    text = "The gateway keeps a pool of connections to each upstream. " * 40
    count = await claude.messages.count_tokens(
        model="local", messages=[{"role": "user", "content": text}]
    )
    assert 350 <= count.input_tokens <= 550  # 440 by the o200k vocabulary
    with pytest.raises(anthropic.NotFoundError):
        await claude.messages.count_tokens(
            model="nowhere", messages=[{"role": "user", "content": "x"}]
        )


async def test_what_a_provider_does_not_take_is_sent_dropped_or_refused(agents: Gateway) -> None:
    body = {"messages": [{"role": "user", "content": "hi"}], "frobnicate": 1}

    async def ask(model: str, **more: Any) -> Any:
        content = msgspec.json.encode({"model": model, **body, **more})
        return await agents.ask("/v1/chat/completions", method="POST", body=content)

    sent = await ask("chat")
    assert (sent.status, "x-hx-changed" in sent.headers) == (200, False)
    for dropped in (await ask("drop"), await ask("chat", drop_params=True)):
        assert (dropped.status, dropped.headers["x-hx-changed"]) == (200, "drop:frobnicate")
    streamed = await ask("drop", stream=True)
    assert streamed.headers["x-hx-changed"] == "drop:frobnicate"
    refused = await ask("strict")
    assert (refused.status, refused.json()["error"]["param"]) == (400, "frobnicate")
    assert (await ask("strict", allowed_openai_params=["frobnicate"])).status == 200
