"""What nobody translates: what is required, counted, and where its streams end."""

import pytest
from tests.support.calls import call

from hx_gateway.core import wire
from hx_gateway.core.errors import Garbled, Interrupted, InvalidRequest, Overloaded
from hx_gateway.core.usage import Measured, Usage
from hx_gateway.dialects.opaque import MAX_EVENT, OpaqueIn, OpaqueOut

OUT = OpaqueOut(
    name="x", path="/x", required=("input",), ends=frozenset({"x.done"}), counts_images=True
)


@pytest.mark.parametrize("value", [None, b'""', b"null", b"[]", b"[ ]", b'[""]', b"{}"])
def test_an_empty_input_is_refused(value: bytes | None) -> None:
    body = b'{"model": "m"}' if value is None else b'{"model": "m", "input": ' + value + b"}"
    with pytest.raises(InvalidRequest) as caught:
        OUT.adapt(wire.decode_fields(body), "up", stream=False)
    assert caught.value.param == "input"


def test_all_but_the_model_stays_as_it_was() -> None:
    fields = wire.decode_fields(b'{"model": "m", "input": ["a",  1.50], "new": null}')
    assert wire.encode(OUT.adapt(fields, "up", stream=False)) == (
        b'{"model":"up","input":["a",  1.50],"new":null}'
    )


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        (b"{}", None),
        (b'{"data": [{}, {}]}', Measured(images=2)),
        (b'{"usage": {"input_tokens": 3, "output_tokens": 4}}', Measured(input=3, output=4)),
        (b'{"usage": {"prompt_tokens": 3, "completion_tokens": 4}}', Measured(input=3, output=4)),
        (
            b'{"usage": {"input_tokens": 3, "input_tokens_details": {"cached_tokens": 2}}}',
            Measured(input=3, cached_read=2),
        ),
        (b'{"usage": {"type": "duration", "seconds": 1.5}}', Measured(audio_ms=1500)),
        (b'{"usage": {"seconds": 1e9, "input_tokens": -5}}', Measured()),
    ],
)
def test_usage_is_found(body: bytes, usage: Usage | None) -> None:
    assert OUT.usage(body) == usage


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"usage": 1}'])
def test_what_is_no_answer_is_garbled(body: bytes) -> None:
    with pytest.raises(Garbled):
        OUT.usage(body)


def test_an_error_with_a_200_is_a_fault() -> None:
    with pytest.raises(Overloaded):
        OUT.usage(b'{"error": {"message": "busy", "type": "server_error"}}')


def test_a_whole_answer_is_rendered_as_it_came() -> None:
    body = b'{"a":  1, "usage": {"input_tokens": 1}}'
    assert OpaqueIn("x").render(OUT.decode(body), call({})) == body


def event(kind: str, **more: object) -> bytes:
    return b"data: " + wire.encode({"type": kind, **more}) + b"\n\n"


STREAM = (
    event("x.delta", delta="a")
    + b": comment\n\n"
    + event("x.delta", delta='say "error"')
    + event("x.done", usage={"input_tokens": 1, "output_tokens": 2})
)


def test_a_stream_cut_at_every_byte_passes_the_same() -> None:
    for cut in range(len(STREAM)):
        relay = OUT.relay(wants_usage=False)
        passed = relay.feed(STREAM[:cut]) + relay.feed(STREAM[cut:]) + relay.end()
        assert passed == STREAM
        assert relay.usage == Measured(input=1, output=2)


def test_a_stream_without_its_last_event_is_interrupted() -> None:
    relay = OUT.relay(wants_usage=False)
    relay.feed(STREAM[: STREAM.rindex(b"data:")])
    with pytest.raises(Interrupted):
        relay.end()


def test_an_error_as_first_event_is_a_fault() -> None:
    relay = OUT.relay(wants_usage=False)
    with pytest.raises(Overloaded):
        relay.feed(event("error", error={"message": "busy"}))


def test_a_picture_is_one_event_and_not_too_long() -> None:
    relay = OUT.relay(wants_usage=False)
    picture = event("x.partial", b64_json="A" * 6_000_000)
    passed = b"".join(relay.feed(picture[n : n + 65536]) for n in range(0, len(picture), 65536))
    assert passed == picture
    with pytest.raises(Garbled):
        relay.feed(b"data: " + b"x" * MAX_EVENT)
