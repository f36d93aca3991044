import pytest

from hx_gateway.core.errors import Garbled, Interrupted, Overloaded
from hx_gateway.core.usage import Usage
from hx_gateway.dialects.framed import FramedRelay
from hx_gateway.dialects.openai_responses.watch import ResponseWatcher

START = b'data: {"type":"response.created","response":{"status":"in_progress"}}\n\n'
TEXT = b'data: {"type":"response.output_text.delta","delta":"a"}\n\n'
END = b'data: {"type":"response.completed","response":{"usage":{"input_tokens":3}}}\n\n'
ERROR = b'data: {"type":"error","code":"server_error","message":"m"}\n\n'


def test_bytes_go_through_untouched_and_usage_is_seen() -> None:
    relay = FramedRelay(ResponseWatcher())
    stream = [START, TEXT, TEXT, TEXT, END, b"data: [DONE]\n\n"]
    assert [relay.feed(event) for event in stream] == stream
    assert (relay.usage, relay.complete, relay.end()) == (Usage(input=3), True, b"")


@pytest.mark.parametrize("before", [b"", START, START + TEXT])
def test_an_end_mark_before_the_end_is_held_back(before: bytes) -> None:
    """Symptom: the SDK stops reading at `[DONE]`, so it never saw the error event after it."""
    relay = FramedRelay(ResponseWatcher())
    assert relay.feed(before) + relay.feed(b"data: [DONE]\n\n") == before
    with pytest.raises(Interrupted if before else Garbled):
        relay.end()


def test_items_of_all_kinds_go_through() -> None:
    """Symptom: a search for tools in the answer broke the stream, as if it were no JSON."""
    item = b'{"type":"tool_search_call","arguments":{"query":"q"},"content":7}'
    added = b'data: {"type":"response.output_item.added","item":%b}\n\n' % item
    end = b'data: {"type":"response.completed","response":{"output":[%b]}}\n\n' % item
    relay = FramedRelay(ResponseWatcher())
    assert [relay.feed(event) for event in (START, added, end)] == [START, added, end]
    assert (relay.complete, relay.end()) == (True, b"")


def test_an_error_at_the_start_can_fall_back() -> None:
    with pytest.raises(Overloaded):
        FramedRelay(ResponseWatcher()).feed(ERROR)


def test_an_end_without_completion_is_an_interruption() -> None:
    relay = FramedRelay(ResponseWatcher())
    relay.feed(START + TEXT)
    with pytest.raises(Interrupted):
        relay.end()
