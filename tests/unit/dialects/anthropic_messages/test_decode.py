import pytest
from tests.support.calls import drained, said, thought, tool_calls

from hx_gateway.core import wire
from hx_gateway.core.errors import Garbled, Interrupted, Overloaded, Rejected
from hx_gateway.core.event import Finish, Finished, ThinkingDelta, Used
from hx_gateway.core.usage import Usage
from hx_gateway.dialects.anthropic_messages.decode import (
    MessageDecoder,
    decode_message,
    find_usage,
)


def event(type_: str, **fields: object) -> bytes:
    return b"event: x\ndata: " + wire.encode({"type": type_, **fields}) + b"\n\n"


def block(index: int, **fields: object) -> bytes:
    return event("content_block_start", index=index, content_block=fields)


def delta(index: int, **fields: object) -> bytes:
    return event("content_block_delta", index=index, delta=fields)


START = event(
    "message_start",
    message={"id": "msg_1", "model": "m", "content": [], "usage": {"input_tokens": 3}},
)
STOP = event("message_delta", delta={"stop_reason": "end_turn"}) + event("message_stop")


def test_usage_is_gathered_from_its_pieces() -> None:
    end = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 9})
    events = drained(MessageDecoder(), START, end, event("message_stop"))
    assert events[-2:] == [
        Finished(reason=Finish.STOP),
        Used(usage=Usage(input=3, output=9)),
    ]


def test_a_tool_without_input_was_called_with_an_empty_object() -> None:
    events = drained(
        MessageDecoder(),
        START,
        block(0, type="tool_use", id="a", name="f", input={}),
        delta(0, type="input_json_delta", partial_json=""),
        event("content_block_stop", index=0),
        block(1, type="tool_use", id="b", name="g", input={"x": 1}),
        event("content_block_stop", index=1),
        STOP,
    )
    assert tool_calls(events) == [("a", "f", "{}"), ("b", "g", '{"x":1}')]


def test_blocks_that_have_no_words_here_are_left_out() -> None:
    events = drained(
        MessageDecoder(),
        START,
        block(0, type="server_tool_use", id="s", name="web_search", input={}),
        delta(0, type="input_json_delta", partial_json='{"q":1}'),
        event("content_block_stop", index=0),
        block(1, type="web_search_tool_result", content=[]),
        delta(2, type="citations_delta", citation={}),
        delta(2, type="text_delta", text="a"),
        event("ping"),
        event("of_tomorrow"),
        STOP,
    )
    assert (said(events), tool_calls(events)) == ("a", [])


def test_thoughts_keep_their_seal() -> None:
    events = drained(
        MessageDecoder(),
        START,
        block(0, type="thinking", thinking="h", signature=""),
        delta(0, type="thinking_delta", thinking="m"),
        delta(0, type="signature_delta", signature="s"),
        block(1, type="redacted_thinking", data="r"),
        STOP,
    )
    assert thought(events) == "hm"
    assert ThinkingDelta(signature="s") in events
    assert ThinkingDelta(redacted="r") in events


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", Finish.STOP),
        ("max_tokens", Finish.LENGTH),
        ("model_context_window_exceeded", Finish.LENGTH),
        ("stop_sequence", Finish.STOP_SEQUENCE),
        ("tool_use", Finish.TOOL_USE),
        ("pause_turn", Finish.PAUSE),
        ("refusal", Finish.REFUSAL),
        ("of_tomorrow", Finish.STOP),
    ],
)
def test_stop_reasons(reason: str, finish: Finish) -> None:
    body = wire.encode({"content": [], "stop_reason": reason, "stop_sequence": "x"})
    assert decode_message(body)[-1] == Finished(reason=finish, stop_sequence="x")


def test_an_overloaded_upstream_can_be_fallen_back_from() -> None:
    error = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    with pytest.raises(Overloaded) as caught:
        drained(MessageDecoder(), error)
    assert caught.value.retryable


def test_an_error_of_the_request_is_told_as_it_is() -> None:
    error = event("error", error={"type": "invalid_request_error", "message": "No."})
    with pytest.raises(Rejected, match=r"No\."):
        drained(MessageDecoder(), START, error)


def test_the_stream_must_end_properly() -> None:
    with pytest.raises(Interrupted):
        drained(MessageDecoder(), START, delta(0, type="text_delta", text="a"))
    with pytest.raises(Interrupted):
        drained(MessageDecoder(), START, event("message_stop"))
    with pytest.raises(Garbled):
        drained(MessageDecoder(), event("message_stop"))
    with pytest.raises(Garbled):
        drained(MessageDecoder())
    with pytest.raises(Garbled):
        drained(MessageDecoder(), b"data: <html>\n\n")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"content":"a"}', b"\xff"])
def test_what_is_no_answer_is_garbled(body: bytes) -> None:
    for read in (decode_message, find_usage):
        with pytest.raises(Garbled):
            read(body)
