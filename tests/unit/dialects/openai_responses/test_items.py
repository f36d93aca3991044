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
