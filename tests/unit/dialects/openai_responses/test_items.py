import pytest
from tests.support.calls import call

from hx_gateway.core import wire
from hx_gateway.core.event import (
    Event,
    RefusalDelta,
    TextDelta,
    ThinkingDelta,
    ToolDelta,
    ToolStarted,
)
from hx_gateway.dialects.openai_responses.items import Items, part_of


def names(*events: Event) -> list[str]:
    items = Items("x", {})
    told = [name for event in events for name, _ in items.add(event)]
    return told + [name for name, _ in items.close()]


def test_text_has_its_grammar() -> None:
    assert names(TextDelta(text="a"), TextDelta(text="b")) == [
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
    ]


def test_calls_stay_open_to_the_end_and_may_come_in_turns() -> None:
    told = names(
        ToolStarted(index=0, id="a", name="f"),
        ToolStarted(index=1, id="b", name="g"),
        ToolDelta(index=1, arguments="{}"),
        ToolDelta(index=0, arguments="{}"),
    )
    assert told == [
        "output_item.added",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "function_call_arguments.done",
        "output_item.done",
    ]


def test_a_sealed_thought_without_text_has_no_parts() -> None:
    assert names(ThinkingDelta(redacted="r")) == ["output_item.added", "output_item.done"]


def test_a_refusal_and_text_are_items_apart() -> None:
    items = Items("x", {})
    for event in (TextDelta(text="a"), RefusalDelta(text="no"), TextDelta(text="")):
        list(items.add(event))
    list(items.close())
    contents = [item["content"] for item in items.render("completed")]
    assert contents == [[part_of("text", "a")], [part_of("refusal", "no")]]


def test_ids_are_stable_and_tell_kinds_apart() -> None:
    items = Items("x", {})
    for event in (
        ThinkingDelta(text="h"),
        TextDelta(text="a"),
        ToolStarted(index=0, id="c", name="f"),
    ):
        list(items.add(event))
    assert [item["id"] for item in items.render("completed")] == ["rs_x_0", "msg_x_1", "fc_x_2"]


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ('{"query":"mail","limit":2}', {"query": "mail", "limit": 2}),
        ("", {}),
        ("mail", {"query": "mail"}),
    ],
)
def test_a_search_for_tools_comes_back_as_what_it_is(given: str, asked: object) -> None:
    """Symptom: Codex could reach no tools of its MCP servers on models of other vendors."""
    search = {"type": "tool_search", "execution": "client", "parameters": {}}
    items = Items("x", call({"tools": [search]}).fields)
    events: list[Event] = [
        ToolStarted(index=0, id="c", name="tool_search"),
        ToolDelta(index=0, arguments=given),
    ]
    told = [name for event in events for name, _ in items.add(event)]
    told += [name for name, _ in items.close()]
    assert told == ["output_item.added", "output_item.done"]
    assert wire.decode_any(wire.encode(items.render("completed")[0])) == {
        "type": "tool_search_call",
        "id": "tsc_x_0",
        "call_id": "c",
        "execution": "client",
        "arguments": asked,
        "status": "completed",
    }
