"""What a client gets for the vendors' recorded answers: whole ones, streams, errors."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.golden import (
    Case,
    Golden,
    answer_cases,
    decoded,
    error_paths,
    pieces,
    recorded,
)

from hx_gateway.core import wire
from hx_gateway.core.event import Event, Used
from hx_gateway.dialects.registry import WAYS_IN
from hx_gateway.dialects.sse import SseParser
from hx_gateway.providers.registry import PROVIDERS


@pytest.mark.parametrize("case", answer_cases(stream=False), ids=str)
def test_answer_reaches_the_client_whole(case: Case, golden: Golden) -> None:
    _, _, body = recorded(case.path("response.http"))
    call = case.call()
    events = case.out.decode(body)
    rendered = WAYS_IN[call.dialect].render(events, call)
    shown = {"events": events, "rendered": wire.decode_any(rendered)}
    golden.check(case.path("reply.json"), shown)


@pytest.mark.parametrize("case", answer_cases(stream=False), ids=str)
def test_relayed_answer_is_counted_as_the_decoded_one(case: Case) -> None:
    _, _, body = recorded(case.path("response.http"))
    assert case.out.usage(body) == _usage(case.out.decode(body))


@pytest.mark.parametrize("case", answer_cases(stream=True), ids=str)
def test_stream_reaches_the_client_whole(case: Case, golden: Golden) -> None:
    _, _, body = recorded(case.path("response.http"))
    call = case.call()
    events = decoded(case.out.decoder(), [body])
    writer = WAYS_IN[call.dialect].writer(call)
    written = writer.write(events) + writer.end()
    for _, data in SseParser().feed(written):
        assert data == b"[DONE]" or wire.decode_any(data)
    shown = {"events": events, "written": written.decode().splitlines()}
    golden.check(case.path("reply.json"), shown)


@pytest.mark.parametrize("case", answer_cases(stream=True), ids=str)
def test_stream_decodes_the_same_cut_at_every_byte(case: Case) -> None:
    _, _, body = recorded(case.path("response.http"))
    whole = decoded(case.out.decoder(), [body])
    for cut in range(1, len(body)):
        assert decoded(case.out.decoder(), [body[:cut], body[cut:]]) == whole
    assert decoded(case.out.decoder(), [bytes([byte]) for byte in body]) == whole
    relay = case.out.relay(wants_usage=True)
    assert b"".join(relay.feed(bytes([byte])) for byte in body) + relay.end() == body


@pytest.mark.parametrize("case", answer_cases(stream=True), ids=str)
@settings(max_examples=12, deadline=None)
@given(cuts=st.lists(st.integers(min_value=0, max_value=1 << 16), max_size=12))
def test_stream_decodes_the_same_however_it_is_cut(case: Case, cuts: list[int]) -> None:
    _, _, body = recorded(case.path("response.http"))
    whole = decoded(case.out.decoder(), [body])
    assert decoded(case.out.decoder(), pieces(body, cuts)) == whole


@pytest.mark.parametrize("case", answer_cases(stream=True), ids=str)
@settings(max_examples=12, deadline=None)
@given(cuts=st.lists(st.integers(min_value=0, max_value=1 << 16), max_size=12))
def test_relay_and_translation_agree(case: Case, cuts: list[int]) -> None:
    _, _, body = recorded(case.path("response.http"))
    original = decoded(case.out.decoder(), [body])
    relay = case.out.relay(wants_usage=True)
    passed = b"".join([*(relay.feed(piece) for piece in pieces(body, cuts)), relay.end()])
    assert passed == body
    assert decoded(case.out.decoder(), [passed]) == original
    assert relay.usage == _usage(original)
    assert relay.complete


@pytest.mark.parametrize("path", error_paths(), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_error_answer_is_classified(path: Path, golden: Golden) -> None:
    provider = PROVIDERS[path.parent.name]
    out = next(iter(provider.speaks.values()))[0]
    fault = out.fault(*recorded(path))
    shown = {
        "class": type(fault).__name__,
        "status": fault.http_status,
        "code": fault.error_code,
        "message": fault.message,
        "param": fault.param,
        "retry_after_s": fault.retry_after_s,
    }
    golden.check(path.with_name(path.name.replace("response.http", "fault.json")), shown)


def _usage(events: list[Event]) -> object:
    return next((e.usage for e in reversed(events) if isinstance(e, Used)), None)
