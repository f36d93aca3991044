"""The kept beginnings of prompts: equal ones are equal, however marked and whatever follows."""

from typing import Any

import pytest

from hx_gateway.core import wire
from hx_gateway.routing.prefix import LONG_S, LOOK_BACK, SHORT_S, Kept, kept_prefixes

LONG = "word " * 1000
MARK = {"type": "ephemeral"}


def text(content: str, mark: dict[str, Any] | None = None) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "text", "text": content}
    return {**block, "cache_control": mark} if mark else block


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def kept(*messages: Any, **fields: Any) -> Kept:
    body = {"model": "m", "messages": list(messages), **fields}
    return kept_prefixes(wire.decode_fields(wire.encode(body)))


FIRST = user(text(LONG, MARK))


@pytest.mark.parametrize(
    "messages",
    [
        [user(text(LONG))],  # nothing is marked
        [user(text("short", MARK))],  # nobody keeps so little
        [{"role": "user", "content": 'text with "cache_control" in it ' + LONG}],
        [user(text(LONG, {"type": "other"}))],
    ],
)
def test_nothing_is_kept_unless_it_is_asked_for_and_long_enough(messages: list[Any]) -> None:
    assert kept(*messages).marked == ()


def test_a_longer_conversation_finds_its_earlier_part() -> None:
    earlier = kept(FIRST)
    later = kept(
        user(text(LONG)),  # the mark has moved on
        {"role": "assistant", "content": "yes"},
        user(text("and then?", MARK)),
    )
    assert earlier.marked[0][0] in later.digests
    assert later.digests[0] == later.marked[0][0]
    assert kept(user(text(LONG + "!", MARK))).marked[0][0] not in later.digests


def test_a_text_is_the_same_in_either_form() -> None:
    plain = kept({"role": "user", "content": LONG}, user(text("x", MARK)))
    blocks = kept(user(text(LONG)), user(text("x", MARK)))
    assert plain == blocks


def test_a_mark_may_be_at_the_message_the_system_prompt_or_a_tool() -> None:
    tool = {"type": "function", "function": {"name": "f", "description": LONG}}
    marked = {**tool, "function": {**tool["function"], "cache_control": MARK}}  # type: ignore[dict-item]
    for found in (
        kept({"role": "user", "content": LONG, "cache_control": MARK}),
        kept(user(text("x")), system=[text(LONG, MARK)]),
        kept(user(text("x")), tools=[marked]),
        kept(user(text("x")), tools=[{**tool, "cache_control": MARK}]),
    ):
        assert len(found.marked) == 1
    assert kept(user(text("x", MARK)), tools=[marked]).digests[-1] in (
        kept(user(text("y", MARK)), tools=[tool]).digests
    )


def test_what_comes_before_is_part_of_the_beginning() -> None:
    one = kept(FIRST, system=[text("one")])
    other = kept(FIRST, system=[text("other")])
    assert set(one.digests).isdisjoint(other.digests)


def test_a_mark_says_for_how_long() -> None:
    found = kept(FIRST, user(text("x", {**MARK, "ttl": "1h"})))
    assert [ttl_s for _, ttl_s in found.marked] == [LONG_S, SHORT_S]


def test_one_looks_back_so_far_and_no_farther() -> None:
    many = [user(text(f"{n} {LONG[:200]}")) for n in range(LOOK_BACK + 10)]
    found = kept(*many, user(text("end", MARK)), user(text("after")))
    assert len(found.digests) == LOOK_BACK


@pytest.mark.parametrize(
    "messages", ["text", [1, None, "x"], [{"content": [1, "x"]}], [{"content": []}], {"a": 1}]
)
def test_prompts_of_any_shape_are_harmless(messages: Any) -> None:
    body = {"messages": messages, "system": LONG, "x": 1, "tools": [{"cache_control": MARK}]}
    assert len(kept_prefixes(wire.decode_fields(wire.encode(body))).marked) == 1
