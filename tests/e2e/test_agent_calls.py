"""Calls of agents' own tools come back as what the agents know, whatever format the model speaks."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from tests.support.agent_upstream import FORMATS, AgentUpstream, Turn, model_of
from tests.support.served import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")
CALLS = Path(__file__).parent.parent / "golden" / "calls"
PATCH = "*** Begin Patch\n+é\n*** End Patch\n"
SCENARIOS = {
    "bash": (Turn(text="Look.", thinking="Hm.", calls=(("Bash", {"command": "ls"}),)),),
    "patch": (Turn(text="Write.", thinking="Hm.", calls=(("apply_patch", {"input": PATCH}),)),),
    "find": (Turn(text="Find.", calls=(("tool_search", {"query": "mail"}),)),),
    "found": (Turn(text="Ask.", calls=(("mcp__docs__search", {"q": "x"}),)),),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstream() -> AsyncIterator[AgentUpstream]:
    async with AgentUpstream(SCENARIOS) as upstream:
        yield upstream


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    tmp_path_factory: pytest.TempPathFactory, upstream: AgentUpstream
) -> AsyncIterator[Gateway]:
    config = {"model_list": [model_of(form, upstream) for form in FORMATS]}
    gateway = Gateway(tmp_path_factory.mktemp("agent-calls") / "s", config=config)
    gateway.start()
    try:
        await gateway.wait_ready()
        yield gateway
    finally:
        await gateway.stop()


async def ask(gateway: Gateway, path: str, call: str, form: str, scenario: str) -> list[Any]:
    """Send what an agent sent once; gives the data of all events."""
    body = msgspec.json.decode((CALLS / f"{call}.json").read_bytes()) | {"model": form}
    said = body.get("messages") or body["input"]
    said.append({"role": "user", "content": f"SCENARIO:{scenario}"})
    answer = await gateway.ask(path, method="POST", body=msgspec.json.encode(body))
    assert answer.status == 200, answer.text
    lines = [line for line in answer.text.splitlines() if line.startswith("data: ")]
    return [msgspec.json.decode(line.removeprefix("data: ")) for line in lines]


async def item(gateway: Gateway, call: str, form: str, scenario: str) -> Any:
    """The last item of what Codex is answered."""
    events = await ask(gateway, "/v1/responses", f"responses/{call}", form, scenario)
    assert events[-1]["type"] == "response.completed"
    return events[-1]["response"]["output"][-1]


@pytest.mark.parametrize("form", FORMATS)
async def test_claude_code_gets_a_call_of_its_tool(gateway: Gateway, form: str) -> None:
    events = await ask(gateway, "/v1/messages", "messages/claude_code_mcp", form, "bash")
    blocks = [event["content_block"] for event in events if "content_block" in event]
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    given = "".join(delta.get("partial_json", "") for delta in deltas)
    assert (blocks[-1]["type"], blocks[-1]["name"]) == ("tool_use", "Bash")
    assert msgspec.json.decode(given) == {"command": "ls"}
    assert [event["type"] for event in events[-2:]] == ["message_delta", "message_stop"]
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


@pytest.mark.parametrize("form", FORMATS)
async def test_codex_gets_a_patch_as_a_text(gateway: Gateway, form: str) -> None:
    called = await item(gateway, "codex_patch", form, "patch")
    assert (called["type"], called["name"]) == ("custom_tool_call", "apply_patch")
    assert called["input"] == PATCH


@pytest.mark.parametrize("form", FORMATS)
async def test_codex_gets_a_search_for_tools(gateway: Gateway, form: str) -> None:
    called = await item(gateway, "codex_search", form, "find")
    assert (called["type"], called["execution"]) == ("tool_search_call", "client")
    assert called["arguments"] == {"query": "mail"}


@pytest.mark.parametrize("form", FORMATS)
async def test_codex_gets_a_call_of_what_it_found(gateway: Gateway, form: str) -> None:
    called = await item(gateway, "codex_search", form, "found")
    assert (called["type"], called["name"]) == ("function_call", "search")
    assert called["namespace"] == "mcp__docs"
    assert msgspec.json.decode(called["arguments"]) == {"q": "x"}


async def test_claude_codes_search_of_the_web_is_refused_where_there_is_none(
    gateway: Gateway, upstream: AgentUpstream
) -> None:
    body = msgspec.json.decode((CALLS / "messages" / "claude_code_search.json").read_bytes())
    asked = len(upstream.asked_to_answer)
    for form in ("chat", "responses", "ollama"):
        content = msgspec.json.encode(body | {"model": form})
        answer = await gateway.ask("/v1/messages", method="POST", body=content)
        assert (answer.status, answer.json()["type"]) == (400, "error")
        assert "web_search" in answer.json()["error"]["message"]
    assert len(upstream.asked_to_answer) == asked
