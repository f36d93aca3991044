import pytest
from tests.support.calls import ask, call, plain

from hx_gateway.core.chat import Chat, Reasoning
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.dialects.ollama_chat.encode import encode_chat
from hx_gateway.dialects.openai_chat.read import read_chat


def body_of(**fields: object) -> dict[str, object]:
    return plain(encode_chat(read_chat(ask(**fields)), "m", stream=False))


def refused(message: dict[str, object]) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        encode_chat(read_chat(call({"messages": [message]})), "m", stream=False)
    return caught.value


def test_options_gather_what_the_server_has_there() -> None:
    body = body_of(
        max_tokens=5, temperature=0, num_ctx=4096, options={"num_ctx": 1, "mirostat": 2}, min_p=0.1
    )
    assert body["options"] == {
        "num_predict": 5,
        "temperature": 0,
        "num_ctx": 4096,
        "mirostat": 2,
        "min_p": 0.1,
    }
    assert "options" not in body_of()


def test_the_clients_own_limit_wins_over_an_option_of_the_same_name() -> None:
    assert body_of(max_tokens=5, options={"num_predict": 9})["options"] == {"num_predict": 5}


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        ({"keep_alive": -1}, "keep_alive", -1),
        ({"think": "low", "reasoning_effort": "high"}, "think", "low"),
        ({"reasoning_effort": "none"}, "think", False),
        ({"reasoning_effort": "minimal"}, "think", "low"),
        ({"reasoning_effort": "xhigh"}, "think", "max"),
        ({"reasoning_effort": "odd"}, "think", True),
        ({"response_format": {"type": "json_object"}}, "format", "json"),
        ({"response_format": {"type": "text"}}, "format", None),
        ({"tools": [{"function": {"name": "f"}}], "tool_choice": "none"}, "tools", None),
        ({"stream_options": {"include_usage": True}}, "stream_options", None),
        ({"zzz": 1}, "zzz", None),
    ],
)
def test_fields_get_the_servers_names(fields: dict[str, object], name: str, value: object) -> None:
    assert body_of(**fields).get(name) == value


def test_tools_keep_their_schema_and_vendor_tools_their_form() -> None:
    schema = {"type": "object", "properties": {}}
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}, {"type": "x"}]
    assert body_of(tools=tools)["tools"] == [
        {"type": "function", "function": {"name": "f", "description": "", "parameters": schema}},
        {"type": "x"},
    ]


def test_a_turn_with_thinking_tools_and_results_is_kept() -> None:
    messages = [
        {
            "role": "assistant",
            "content": "a",
            "reasoning_content": "hm",
            "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": ""}}],
        },
        {
            "role": "tool",
            "tool_call_id": "c",
            "content": [
                {"type": "text", "text": "4"},
                {"type": "image_url", "image_url": "data:image/png;base64,QUJD"},
            ],
        },
        {"role": "tool", "tool_call_id": "unknown", "content": "5"},
    ]
    body = plain(encode_chat(read_chat(call({"messages": messages})), "m", stream=True))
    assert body["messages"] == [
        {
            "role": "assistant",
            "content": "a",
            "thinking": "hm",
            "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {}}}],
        },
        {
            "role": "tool",
            "content": "4",
            "tool_call_id": "c",
            "tool_name": "f",
            "images": ["QUJD"],
        },
        {"role": "tool", "content": "5", "tool_call_id": "unknown"},
    ]
    assert body["stream"] is True


def test_a_picture_behind_a_url_is_refused_and_never_fetched() -> None:
    part = {"type": "image_url", "image_url": {"url": "http://inside.test/"}}
    assert "base64" in refused({"role": "user", "content": [part]}).message


def test_sounds_and_broken_arguments_are_refused() -> None:
    part = {"type": "input_audio", "input_audio": {}}
    assert refused({"role": "user", "content": [part]}).param == "messages"
    call_ = {"id": "c", "function": {"name": "f", "arguments": "[" * 9999}}
    assert refused({"role": "assistant", "tool_calls": [call_]}).param == "messages"


def test_a_model_is_not_told_to_think_by_a_client_that_only_would_like_it() -> None:
    """Claude Code sends an effort with every call; a model that cannot think refused them all."""
    wish = Reasoning(effort="medium", if_able=True)
    for reasoning, sent in (
        (wish, False),
        (Reasoning(effort="medium"), True),
        (Reasoning(), False),
    ):
        fields = encode_chat(Chat(messages=(), reasoning=reasoning), "m", stream=False)
        assert ("think" in fields) is sent
