import msgspec
import pytest
from msgspec import Raw
from tests.support.calls import call
from tests.support.golden import ROOT, call_of

from hx_gateway.core import wire
from hx_gateway.core.call import Call
from hx_gateway.core.chat import (
    Document,
    Image,
    OutputFormat,
    Reasoning,
    Refusal,
    Role,
    Text,
    Thinking,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.dialects.openai_responses.encode import encode_chat
from hx_gateway.dialects.openai_responses.read import read_chat

# Without those of an agent, which hold what only its own vendor is sent back.
CALLS = sorted(
    path.stem for path in ROOT.glob("calls/responses/*.json") if not path.stem.startswith("codex")
)


def response(*items: object, **fields: object) -> Call:
    return call({"input": list(items), **fields}, "openai_responses")


@pytest.mark.parametrize("name", CALLS)
def test_what_is_read_is_written_again(name: str) -> None:
    compact = wire.encode(wire.decode_any((ROOT / f"calls/responses/{name}.json").read_bytes()))
    asked = call_of("responses", compact)
    chat = read_chat(asked)
    fields = encode_chat(chat, "m", stream=False)
    again = read_chat(msgspec.structs.replace(asked, fields=fields))
    assert again == chat


@pytest.mark.parametrize(
    ("item", "role", "part"),
    [
        ({"role": "user", "content": "a"}, Role.USER, Text(text="a")),
        ({"role": "developer", "content": "a"}, Role.SYSTEM, Text(text="a")),
        (
            {"role": "user", "content": [{"type": "input_image", "image_url": "https://a.test/p"}]},
            Role.USER,
            Image(url="https://a.test/p"),
        ),
        (
            {"role": "user", "content": [{"type": "input_file", "file_id": "f"}]},
            Role.USER,
            Document(kind="input_file", raw=Raw(b'{"type":"input_file","file_id":"f"}')),
        ),
        (
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
            Role.ASSISTANT,
            Refusal(text="no"),
        ),
        (
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            Role.ASSISTANT,
            ToolUse(id="c", name="f", arguments="{}"),
        ),
        (
            {"type": "function_call_output", "call_id": "c", "output": "4"},
            Role.TOOL,
            ToolResult(id="c", parts=(Text(text="4"),)),
        ),
        (
            {
                "type": "tool_search_call",
                "execution": "client",
                "call_id": "c",
                "arguments": {"query": "q"},
            },
            Role.ASSISTANT,
            ToolUse(id="c", name="tool_search", arguments='{"query":"q"}'),
        ),
        (
            {
                "type": "tool_search_output",
                "execution": "client",
                "call_id": "c",
                "tools": [{"type": "namespace", "name": "a", "tools": [{"name": "f"}]}],
            },
            Role.TOOL,
            ToolResult(id="c", parts=(Text(text="Tools found: a__f."),)),
        ),
        (
            {"type": "tool_search_output", "execution": "client", "call_id": "c", "tools": []},
            Role.TOOL,
            ToolResult(id="c", parts=(Text(text="No tools found."),)),
        ),
        (
            {"type": "reasoning", "id": "r", "summary": [{"text": "hm"}], "encrypted_content": "s"},
            Role.ASSISTANT,
            Thinking(text="hm", signature="responses:s"),
        ),
        (
            {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "redacted:x"},
            Role.ASSISTANT,
            Thinking(redacted="x"),
        ),
    ],
)
def test_items_are_understood(item: object, role: Role, part: object) -> None:
    (message,) = read_chat(response(item)).messages
    assert (message.role, message.parts) == (role, (part,))


def test_a_search_that_its_vendor_ran_stays_behind() -> None:
    call = {"type": "tool_search_call", "execution": "server", "arguments": {}}
    assert read_chat(response(call, {**call, "type": "tool_search_output"})).messages == ()


def test_what_the_model_did_in_one_turn_is_one_message() -> None:
    use = {"type": "function_call", "call_id": "c", "name": "f"}
    result = {"type": "function_call_output", "call_id": "c", "output": "4"}
    said = {"role": "assistant", "content": "a"}
    chat = read_chat(response(said, use, use, result, result, said))
    assert [(m.role, len(m.parts)) for m in chat.messages] == [
        (Role.ASSISTANT, 3),
        (Role.TOOL, 1),
        (Role.TOOL, 1),
        (Role.ASSISTANT, 1),
    ]


def test_settings_are_understood_and_the_rest_is_kept() -> None:
    chat = read_chat(
        response(
            instructions="i",
            max_output_tokens=5,
            top_logprobs=2,
            reasoning={"effort": "low", "summary": "auto"},
            tool_choice={"type": "function", "name": "f"},
            tools=[{"type": "function", "name": "f"}, {"type": "web_search"}],
            text={"format": {"type": "json_schema", "name": "n", "schema": {}}, "verbosity": "low"},
            store=True,
            truncation="auto",
            zzz=1,
        )
    )
    assert chat.messages[0].role is Role.SYSTEM
    assert (chat.max_tokens, chat.logprobs, chat.top_logprobs) == (5, True, 2)
    assert chat.reasoning == Reasoning(effort="low", summary="auto")
    assert chat.tool_choice == ToolChoice(mode="tool", name="f")
    assert [tool.name for tool in chat.tools] == ["f", "web_search"]
    assert chat.tools[1].raw == Raw(b'{"type":"web_search"}')
    assert chat.output == OutputFormat(kind="json_schema", name="n", schema=Raw(b"{}"))
    assert set(chat.extra) == {"verbosity", "zzz"}


@pytest.mark.parametrize("name", ["conversation", "prompt", "background"])
def test_what_would_change_the_meaning_is_refused_and_not_dropped(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_chat(response(**{name: "x"}))
    assert caught.value.param == name
    for nothing in (None, False):
        assert read_chat(response(**{name: nothing})).messages == ()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "input"),
        ({"input": 7}, "input"),
        ({"input": [{"role": "poet", "content": "a"}]}, "input[0].role"),
        ({"input": [{"type": "local_shell_call"}]}, "input[0]"),
        ({"input": [{"role": "user", "content": [{}]}]}, "input[0].content[0]"),
        ({"input": [{"role": "user", "content": 7}]}, "input[0]"),
        ({"input": [], "tools": [7]}, "tools[0]"),
    ],
)
def test_a_mistake_names_its_field(fields: dict[str, object], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_chat(call(fields, "openai_responses"))
    assert caught.value.param == param
