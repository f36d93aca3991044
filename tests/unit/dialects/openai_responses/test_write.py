import msgspec
import pytest
from tests.support.calls import call

from hx_gateway.core import wire
from hx_gateway.core.event import Event, Finish, Finished, Started, TextDelta, Used
from hx_gateway.core.usage import Usage
from hx_gateway.dialects.openai_responses.write import ResponseWriter, render_response
from hx_gateway.dialects.sse import SseParser

ASKED = call(
    b'{"input": "Hi", "tools": [\n  {"type": "x"}\n], "temperature": 1}', "openai_responses"
)


def data_of(written: bytes) -> list[dict[str, object]]:
    return [wire.decode_any(data) for _, data in SseParser().feed(written)]


def test_events_are_numbered_without_a_gap() -> None:
    writer = ResponseWriter(ASKED)
    written = writer.write([TextDelta(text="a")]) + writer.write([TextDelta(text="b")])
    numbers = [event["sequence_number"] for event in data_of(written + writer.end())]
    assert numbers == list(range(len(numbers)))


def test_a_clients_line_ends_do_not_end_an_event() -> None:
    """Symptom: a response.created event cut in two where the client's JSON had a line end."""
    writer = ResponseWriter(ASKED)
    first = data_of(writer.write([TextDelta(text="a")]))[0]["response"]
    assert isinstance(first, dict)
    assert (first["tools"], first["temperature"]) == ([{"type": "x"}], 1)


def test_nothing_is_written_before_there_is_content() -> None:
    writer = ResponseWriter(ASKED)
    start: list[Event] = [Started(id="resp_1", model="m", created=5), Used(usage=Usage(input=3))]
    assert writer.write(start) == b""
    events = data_of(writer.write([TextDelta(text="a")]))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]


@pytest.mark.parametrize(
    ("reason", "status", "details"),
    [
        (Finish.STOP, "completed", None),
        (Finish.TOOL_USE, "completed", None),
        (Finish.LENGTH, "incomplete", {"reason": "max_output_tokens"}),
        (Finish.CONTENT_FILTER, "incomplete", {"reason": "content_filter"}),
    ],
)
def test_endings(reason: Finish, status: str, details: object) -> None:
    body = wire.decode_any(render_response([Finished(reason=reason)], ASKED))
    assert (body["status"], body["incomplete_details"]) == (status, details)
    last = data_of(_streamed([Finished(reason=reason)]))[-1]
    assert last["type"] == f"response.{status}"


def _streamed(events: list[Event]) -> bytes:
    writer = ResponseWriter(ASKED)
    return writer.write(events) + writer.end()


def test_the_last_event_holds_what_a_whole_answer_would() -> None:
    events: list[Event] = [
        Started(id="resp_1", model="m"),
        TextDelta(text="a"),
        TextDelta(text="other", choice=1),
        Used(usage=Usage(input=3)),
    ]
    whole = wire.decode_any(render_response(events, ASKED))
    assert data_of(_streamed(events))[-1]["response"] == whole
    assert whole["model"] == ASKED.model
    renamed = msgspec.structs.replace(ASKED, id="call-2")
    assert wire.decode_any(render_response([], renamed))["id"] == "resp_call-2"
