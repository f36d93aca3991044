from typing import Any

import msgspec
import pytest

from hx_gateway.cache.content import content_of


def places(value: Any) -> set[str] | None:
    return content_of(msgspec.json.encode(value))


def test_places_are_paths_without_positions_and_values() -> None:
    one = {"choices": [{"index": 0, "delta": {"content": "Hel"}}]}
    two = {"choices": [{"index": 1, "delta": {"content": "lo"}}], "model": "m", "id": "x"}
    assert places(one) == places(two) == {"choices.delta.content"}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"choices": [{"message": {"audio": {"data": "x"}}}]}, {"choices.message.audio.data"}),
        ({"content": [{"type": "text", "text": "a"}]}, {"content.type=text", "content.text"}),
        ({"citations": ["https://a"]}, {"citations"}),
        ({"response": {"output": [{"type": "message"}]}}, {"output.type=message"}),
        ({"delta": "text"}, {"delta"}),
        ({"usage": {"input": 5}, "service_tier": "x"}, set()),
        ({"choices": [{"finish_reason": "stop", "delta": {"role": "assistant"}}]}, set()),
        ({"choices": [{"delta": {"content": None, "tool_calls": [], "refusal": ""}}]}, set()),
        ([1, 2], set()),
    ],
)
def test_only_content_counts_and_only_where_something_is_said(value: Any, found: set[str]) -> None:
    assert places(value) == found


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 5000])
def test_what_cannot_be_read_has_no_places(data: bytes) -> None:
    assert content_of(data) is None
