import pytest
from tests.support.calls import drained, said, thought, tool_calls

from hx_gateway.core.errors import Garbled, Interrupted, ModelMissing, Overloaded
from hx_gateway.core.event import Finish, Finished, TextDelta, Used
from hx_gateway.core.usage import Usage
from hx_gateway.dialects.ollama_chat.decode import ChatDecoder, decode_chat

HELLO = b'{"model":"m","created_at":"t","message":{"role":"assistant","content":"a"}}\n'
DONE = b'{"model":"m","done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":4}\n'
TOOL = b'{"created_at":"%s","message":{"tool_calls":[{"function":{"name":"f","arguments":%s}}]}}\n'


def test_text_thinking_and_usage_are_read() -> None:
    events = drained(ChatDecoder(), b'{"message":{"thinking":"hm"}}\n', HELLO, DONE)
    assert (thought(events), said(events)) == ("hm", "a")
    assert events[-2:] == [
        Finished(reason=Finish.STOP),
        Used(usage=Usage(input=3, output=4)),
    ]


def test_invented_ids_are_stable_and_differ_between_calls_and_turns() -> None:
    turn = (TOOL % (b"t1", b'{"a":1}'), TOOL % (b"t1", b'{"a":1}'), DONE)
    first, second = tool_calls(drained(ChatDecoder(), *turn))
    assert tool_calls(drained(ChatDecoder(), b"".join(turn))) == [first, second]
    assert first[0] != second[0]
    later = tool_calls(drained(ChatDecoder(), TOOL % (b"t2", b'{"a":1}'), DONE))
    assert later[0][0] not in {first[0], second[0]}
    assert first[1:] == ("f", '{"a":1}')


def test_tool_calls_are_the_reason_to_stop() -> None:
    assert Finished(reason=Finish.TOOL_USE) in drained(ChatDecoder(), TOOL % (b"t", b"{}"), DONE)


@pytest.mark.parametrize(
    ("reason", "finish"), [("length", Finish.LENGTH), ("load", Finish.STOP), ("", Finish.STOP)]
)
def test_done_reasons(reason: str, finish: Finish) -> None:
    line = f'{{"done":true,"done_reason":"{reason}"}}'.encode()
    assert Finished(reason=finish) in decode_chat(line)


def test_logprobs_get_the_place_clients_look_at() -> None:
    line = b'{"message":{"content":"a"},"logprobs":[{"token":"a","logprob":-1}],"done":true}'
    delta = next(event for event in decode_chat(line) if isinstance(event, TextDelta))
    assert bytes(delta.logprobs or b"") == b'{"content":[{"token":"a","logprob":-1}]}'


def test_the_last_line_needs_no_newline() -> None:
    assert said(drained(ChatDecoder(), HELLO, DONE.rstrip())) == "a"


@pytest.mark.parametrize("rest", [b"", b'{"model":"m","mess'])
def test_a_stream_that_ends_early_is_an_interruption(rest: bytes) -> None:
    with pytest.raises(Interrupted):
        drained(ChatDecoder(), HELLO, rest)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"message":7}', b"\xff"])
def test_what_is_no_answer_is_garbled(body: bytes) -> None:
    with pytest.raises(Garbled):
        decode_chat(body)


def test_errors_in_the_stream_are_judged_by_their_status() -> None:
    with pytest.raises(Overloaded):
        drained(ChatDecoder(), HELLO, b'{"error":"runner died"}\n')
    with pytest.raises(ModelMissing):
        drained(ChatDecoder(), b'{"error":"not found","status":404}\n')
