import pytest
from tests.support.calls import drained, said, tool_calls

from hx_gateway.core import wire
from hx_gateway.core.errors import (
    ContextWindowExceeded,
    Garbled,
    Interrupted,
    NotItsOwn,
    Overloaded,
    Rejected,
    UpstreamError,
)
from hx_gateway.core.event import Finish, Finished, TextDelta, ThinkingDelta
from hx_gateway.core.usage import Usage
from hx_gateway.dialects.openai_responses.decode import (
    ResponseDecoder,
    decode_response,
    find_usage,
)


def event(name: str, **fields: object) -> bytes:
    return b"data: " + wire.encode({"type": f"response.{name}", **fields}) + b"\n\n"


def end(status: str = "completed", **fields: object) -> bytes:
    return event(status, response={"id": "resp_1", "status": status, "output": [], **fields})


START = event("created", response={"id": "resp_1", "model": "m", "status": "in_progress"})
CALL = {"type": "function_call", "call_id": "a", "name": "f"}


def test_a_call_that_comes_only_whole_is_read_all_the_same() -> None:
    events = drained(
        ResponseDecoder(),
        START,
        event("output_item.added", output_index=4, item=CALL),
        event("output_item.done", output_index=4, item={**CALL, "arguments": '{"x":1}'}),
        end(),
    )
    assert tool_calls(events) == [("a", "f", '{"x":1}')]
    assert Finished(reason=Finish.TOOL_USE) in events


def test_items_of_other_kinds_may_hold_what_they_like() -> None:
    odd = {"type": "tool_search_call", "arguments": {"query": "q"}, "content": 7}
    events = drained(
        ResponseDecoder(),
        START,
        event("output_item.added", output_index=0, item=odd),
        event("output_item.done", output_index=0, item=odd),
        end(output=[odd]),
    )
    assert (said(events), tool_calls(events)) == ("", [])
    whole = {"id": "resp_1", "status": "completed", "output": [odd]}
    assert tool_calls(decode_response(wire.encode(whole))) == []
    with pytest.raises(Garbled):
        decode_response(wire.encode({**whole, "output": [7]}))


def test_pieces_of_calls_are_told_apart_by_their_item() -> None:
    events = drained(
        ResponseDecoder(),
        START,
        event("output_item.added", output_index=1, item=CALL),
        event("output_item.added", output_index=2, item={**CALL, "call_id": "b"}),
        event("function_call_arguments.delta", output_index=2, delta="{}"),
        event("function_call_arguments.delta", output_index=1, delta='{"x":1}'),
        event("function_call_arguments.delta", output_index=9, delta="lost"),
        event("output_item.done", output_index=1, item={**CALL, "arguments": '{"x":1}'}),
        end(),
    )
    assert tool_calls(events) == [("a", "f", '{"x":1}'), ("b", "f", "{}")]


def test_logprobs_get_the_place_clients_look_at() -> None:
    delta = event("output_text.delta", delta="a", logprobs=[{"token": "a", "logprob": -1}])
    (text,) = ResponseDecoder().feed(delta)
    assert isinstance(text, TextDelta)
    assert bytes(text.logprobs or b"") == b'{"content":[{"token":"a","logprob":-1}]}'


def test_an_item_that_is_sealed_gives_its_seal_once() -> None:
    item = {"type": "reasoning", "summary": [], "encrypted_content": "s"}
    events = drained(
        ResponseDecoder(),
        START,
        event("output_item.added", output_index=0, item=item),
        event("output_item.done", output_index=0, item=item),
        end(),
    )
    assert events.count(ThinkingDelta(signature="responses:s")) == 1


@pytest.mark.parametrize(
    ("status", "details", "finish"),
    [
        ("completed", None, Finish.STOP),
        ("incomplete", {"reason": "max_output_tokens"}, Finish.LENGTH),
        ("incomplete", {"reason": "content_filter"}, Finish.CONTENT_FILTER),
        ("incomplete", None, Finish.LENGTH),
    ],
)
def test_endings(status: str, details: object, finish: Finish) -> None:
    assert Finished(reason=finish) in drained(
        ResponseDecoder(), START, end(status, incomplete_details=details)
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "server_error", "message": "x"}, Overloaded),
        ({"code": "rate_limit_exceeded", "message": "x"}, Overloaded),
        ({"code": "invalid_prompt", "message": "x"}, Rejected),
        ({"code": "invalid_encrypted_content", "message": "x"}, NotItsOwn),
        ({"code": "context_length_exceeded", "message": "x"}, ContextWindowExceeded),
        (None, Overloaded),
    ],
)
def test_failures_are_judged_by_their_code(error: object, kind: type[UpstreamError]) -> None:
    failed = {"id": "resp_1", "status": "failed", "error": error, "output": []}
    with pytest.raises(kind):
        drained(ResponseDecoder(), event("failed", response=failed))
    for read in (decode_response, find_usage):
        with pytest.raises(kind):
            read(wire.encode(failed))


def test_an_error_event_is_a_fault() -> None:
    bare = b'data: {"type":"error","code":"invalid_prompt","message":"No.","param":null}\n\n'
    with pytest.raises(Rejected, match=r"No\."):
        drained(ResponseDecoder(), bare)


def test_the_stream_must_end_properly() -> None:
    with pytest.raises(Interrupted):
        drained(ResponseDecoder(), START, event("output_text.delta", delta="a"))
    with pytest.raises(Garbled):
        drained(ResponseDecoder())
    with pytest.raises(Garbled):
        drained(ResponseDecoder(), b"data: <html>\n\n")
    assert said(drained(ResponseDecoder(), START, end(), b"data: [DONE]\n\n")) == ""


@pytest.mark.parametrize("body", [b"", b"{}", b'{"output":7}', b"\xff"])
def test_what_is_no_answer_is_garbled(body: bytes) -> None:
    for read in (decode_response, find_usage):
        with pytest.raises(Garbled):
            read(body)


def test_usage_of_a_relayed_answer_may_be_missing() -> None:
    assert find_usage(b'{"output":[]}') is None
    assert find_usage(b'{"output":[],"usage":{"output_tokens":2}}') == Usage(output=2)
