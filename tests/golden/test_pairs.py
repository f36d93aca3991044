"""Every recorded answer in every client's format: the SDKs accept it, and nothing is lost."""

from typing import Any

import anthropic.types
import msgspec
import openai.types.chat
import openai.types.responses
import pytest
from pydantic import TypeAdapter
from tests.support.calls import drained, said, thought, tool_calls
from tests.support.golden import Case, answer_cases, decoded, load_call, recorded

from hx_gateway.core import wire
from hx_gateway.core.call import Operation
from hx_gateway.core.event import Event, Finished, RefusalDelta, Used
from hx_gateway.core.provider import WayIn, WayOut
from hx_gateway.dialects import anthropic_messages, openai_chat, openai_responses
from hx_gateway.dialects.sse import SseParser

WHOLE: dict[str, TypeAdapter[Any]] = {
    "chat": TypeAdapter(openai.types.chat.ChatCompletion),
    "messages": TypeAdapter(anthropic.types.Message),
    "responses": TypeAdapter(openai.types.responses.Response),
}
PIECE: dict[str, TypeAdapter[Any]] = {
    "chat": TypeAdapter(openai.types.chat.ChatCompletionChunk),
    "messages": TypeAdapter(anthropic.types.RawMessageStreamEvent),
    "responses": TypeAdapter(openai.types.responses.ResponseStreamEvent),
}
WAYS: dict[str, tuple[WayIn, WayOut]] = {
    "chat": (openai_chat.WAY_IN, openai_chat.WAY_OUT),
    "messages": (anthropic_messages.WAY_IN, anthropic_messages.WAY_OUT),
    "responses": (openai_responses.WAY_IN, openai_responses.WAY_OUT),
}
CASES = [
    case
    for case in (*answer_cases(stream=False), *answer_cases(stream=True))
    if case.call().operation is Operation.CHAT
]


def events_of(case: Case) -> list[Event]:
    _, _, body = recorded(case.path("response.http"))
    if case.call().stream:
        return decoded(case.out.decoder(), [body])
    return case.out.decode(body)


def essence(events: list[Event]) -> dict[str, object]:
    """What must survive any translation: what was said, called and counted, for one choice."""
    first = [event for event in events if getattr(event, "choice", 0) == 0]
    refused = "".join(event.text for event in first if isinstance(event, RefusalDelta))
    used = [event.usage for event in first if isinstance(event, Used)]
    return {
        "said": said(first) + refused,
        "thought": thought(first).strip(),
        "called": tool_calls(first),
        "finished": any(isinstance(event, Finished) for event in first),
        "tokens": (used[-1].input, used[-1].output, used[-1].cached_read) if used else None,
    }


@pytest.mark.parametrize("kind", WAYS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_whole_answer_survives_translation(case: Case, kind: str) -> None:
    way_in, way_out = WAYS[kind]
    events = events_of(case)
    body = way_in.render(events, load_call(kind, "basic"))
    WHOLE[kind].validate_json(body)
    assert essence(way_out.decode(body)) == essence(events)


@pytest.mark.parametrize("kind", WAYS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_stream_survives_translation(case: Case, kind: str) -> None:
    way_in, way_out = WAYS[kind]
    events = events_of(case)
    call = msgspec.structs.replace(load_call(kind, "basic"), wants_usage=True)
    writer = way_in.writer(call)
    written = b"".join([*(writer.write([event]) for event in events), writer.end()])
    for name, data in SseParser().feed(written):
        if data != b"[DONE]":
            PIECE[kind].validate_json(data)
            assert name.decode() == (wire.decode_any(data)["type"] if kind != "chat" else "")
    assert essence(drained(way_out.decoder(), written)) == essence(events)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_stream_is_valid_for_the_client_that_asked(case: Case) -> None:
    """Its own tools may make events of further kinds (custom tools, namespaces)."""
    call = case.call()
    writer = WAYS[case.kind][0].writer(call)
    written = writer.write(events_of(case)) + writer.end()
    for _, data in SseParser().feed(written):
        if data != b"[DONE]":
            PIECE[case.kind].validate_json(data)
