import pytest
from tests.support.calls import drained, said, thought, tool_calls

from hx_gateway.core.errors import Garbled, Interrupted, Overloaded
from hx_gateway.core.event import Event, Finish, Finished, Started
from hx_gateway.core.usage import Usage
from hx_gateway.dialects.openai_chat.decode import ChatDecoder, decode_chat, find_usage


def chunk(delta: str, finish: str = "null") -> bytes:
    return f'data: {{"choices":[{{"delta":{delta},"finish_reason":{finish}}}]}}\n\n'.encode()


STOP = chunk("{}", '"stop"')


def test_a_tool_call_keeps_its_id_and_index_over_chunks() -> None:
    events = drained(
        ChatDecoder(),
        chunk('{"tool_calls":[{"index":3,"id":"a","function":{"name":"f","arguments":"{"}}]}'),
        chunk('{"tool_calls":[{"index":3,"id":"other","function":{"arguments":"}"}}]}'),
        chunk('{"tool_calls":[{"index":5,"function":{"name":"g","arguments":"{}"}}]}'),
        STOP,
    )
    assert tool_calls(events) == [("a", "f", "{}"), ("call_0_1", "g", "{}")]


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_reasoning_is_not_text(field: str) -> None:
    events = drained(ChatDecoder(), chunk(f'{{"{field}":"hm","content":"a"}}'), STOP)
    assert (thought(events), said(events)) == ("hm", "a")


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", Finish.STOP),
        ("length", Finish.LENGTH),
        ("tool_calls", Finish.TOOL_USE),
        ("function_call", Finish.TOOL_USE),
        ("content_filter", Finish.CONTENT_FILTER),
        ("eos", Finish.STOP),
    ],
)
def test_finish_reasons(finish: str, reason: Finish) -> None:
    assert drained(ChatDecoder(), chunk("{}", f'"{finish}"'))[-1] == Finished(reason=reason)


def test_the_stream_must_end_properly() -> None:
    with pytest.raises(Interrupted):
        drained(ChatDecoder(), chunk('{"content":"a"}'))
    with pytest.raises(Garbled):
        drained(ChatDecoder())
    with pytest.raises(Garbled):
        drained(ChatDecoder(), b"data: [DONE]\n\n")
    with pytest.raises(Interrupted):
        drained(ChatDecoder(), chunk('{"content":"a"}'), b"data: [DONE]\n\n")
    # Some servers never name a reason; to them the end mark is the end.
    bare = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
    assert said(drained(ChatDecoder(), bare, b"data: [DONE]\n\n")) == "a"


def test_an_error_in_the_stream_is_raised() -> None:
    with pytest.raises(Overloaded):
        ChatDecoder().feed(b'data: {"error":{"message":"x"}}\n\n')


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"choices":1}', b"\xff", b'{"choices":[1]}'])
def test_what_is_no_answer_is_garbled(body: bytes) -> None:
    with pytest.raises(Garbled):
        decode_chat(body)


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b'{"choices":7}'])
def test_a_relayed_answer_must_be_one(body: bytes) -> None:
    with pytest.raises(Garbled):
        find_usage(body)


def test_an_error_with_status_200_is_an_error() -> None:
    for read in (decode_chat, find_usage):
        with pytest.raises(Overloaded):
            read(b'{"error":{"message":"x"}}')


def test_usage_of_a_relayed_answer_may_be_missing() -> None:
    assert find_usage(b'{"choices":[{}]}') is None
    assert find_usage(b'{"choices":[{}],"usage":{"prompt_tokens":2}}') == Usage(input=2)


def test_a_whole_answer_without_a_reason_still_finishes() -> None:
    events: list[Event] = decode_chat(b'{"id":"i","model":"m","choices":[{"message":{}}]}')
    assert events == [Started(id="i", model="m"), Finished(reason=Finish.STOP)]


@pytest.mark.parametrize("choices", [b"[]", b"null"])
def test_an_answer_without_a_choice_is_none(choices: bytes) -> None:
    """Symptom: clients that read the first choice raised an error of their own."""
    body = b'{"choices":' + choices + b"}"
    for read in (decode_chat, find_usage):
        with pytest.raises(Garbled):
            read(body)
    with pytest.raises(Interrupted):
        drained(ChatDecoder(), b"data: " + body + b"\n\ndata: [DONE]\n\n")


def test_nothing_counts_after_the_end_mark() -> None:
    decoder = ChatDecoder()
    piece = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
    said_before = [*decoder.feed(piece), *decoder.feed(piece), *decoder.feed(b"data: [DONE]\n\n")]
    assert said(said_before) == "aa"
    assert decoder.over
    assert decoder.feed(piece) == decoder.feed(b"data: {garbage\n\n") == decoder.end() == []
