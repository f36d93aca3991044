import msgspec
import pytest
from msgspec import Raw
from tests.support.calls import plain
from tests.support.golden import ROOT, load_call

from hx_gateway.core.chat import Chat, Image, Message, Reasoning, Role, Text, Thinking, ToolResult
from hx_gateway.core.wire import raw
from hx_gateway.dialects.openai_chat.encode import effort_of, encode_chat
from hx_gateway.dialects.openai_chat.read import read_chat

# Without the one that holds what only its own vendor is sent back.
CALLS = sorted({path.stem for path in ROOT.glob("calls/chat/*.json")} - {"settings"})


def body_of(*messages: Message, **fields: object) -> dict[str, object]:
    chat = Chat(messages=messages, **fields)  # type: ignore[arg-type]
    return plain(encode_chat(chat, "m", stream=False, max_tokens_field="max_tokens"))


@pytest.mark.parametrize("name", CALLS)
def test_what_is_read_is_written_again(name: str) -> None:
    chat = read_chat(load_call("chat", name))
    body = encode_chat(chat, "m", stream=False, max_tokens_field="max_tokens")
    again = read_chat(msgspec.structs.replace(load_call("chat", name), fields=body))
    assert again == chat


def test_thinking_and_cache_marks_stay_behind() -> None:
    parts = (Thinking(text="hm", signature="s"), Text(text="a", cache=Raw(b'{"type":"ephemeral"}')))
    assert body_of(Message(role=Role.ASSISTANT, parts=parts))["messages"] == [
        {"role": "assistant", "content": "a"}
    ]


def test_pictures_of_tools_follow_after_all_results() -> None:
    results = [
        Message(
            role=Role.TOOL,
            parts=(ToolResult(id=id_, parts=(Text(text=id_), Image(url=f"https://{id_}.test"))),),
        )
        for id_ in ("a", "b")
    ]
    question = Message(role=Role.USER, parts=(Text(text="?"),))
    for messages in ((*results, question), tuple(results)):
        written = body_of(*messages)["messages"]
        assert isinstance(written, list)
        roles = [message["role"] for message in written]
        assert roles[:3] == ["tool", "tool", "user"]
        assert [part["image_url"]["url"] for part in written[2]["content"]] == [
            "https://a.test",
            "https://b.test",
        ]


def test_a_stream_always_asks_for_its_usage() -> None:
    body = encode_chat(Chat(messages=()), "m", stream=True, max_tokens_field="max_tokens")
    assert plain(body)["stream_options"] == {"include_usage": True}


def test_a_clients_own_extra_field_cannot_replace_ours() -> None:
    body = body_of(extra={"model": raw("other"), "zzz": raw(1)})
    assert (body["model"], body["zzz"]) == ("m", 1)


@pytest.mark.parametrize(
    ("reasoning", "effort"),
    [
        (Reasoning(effort="high"), "high"),
        (Reasoning(budget_tokens=1024), "low"),
        (Reasoning(budget_tokens=5000), "medium"),
        (Reasoning(budget_tokens=32000), "high"),
        (Reasoning(), None),
        (Reasoning(enabled=False), None),
    ],
)
def test_thinking_budgets_become_efforts(reasoning: Reasoning, effort: str | None) -> None:
    assert body_of(reasoning=reasoning).get("reasoning_effort") == effort


def test_more_budget_is_never_less_effort() -> None:
    order = ["low", "medium", "high"]
    efforts = [order.index(effort_of(budget)) for budget in range(0, 40_000, 512)]
    assert efforts == sorted(efforts)


@pytest.mark.parametrize(
    ("detail", "sent"), [("low", {"detail": "low"}), ("original", {}), (None, {})]
)
def test_a_picture_is_asked_for_in_words_that_every_server_knows(
    detail: str | None, sent: dict[str, str]
) -> None:
    picture = Image(url="https://a.test/p", detail=detail)
    message = Message(role=Role.USER, parts=(picture,))
    shown = {"type": "image_url", "image_url": {"url": "https://a.test/p", **sent}}
    assert body_of(message)["messages"] == [{"role": "user", "content": [shown]}]
