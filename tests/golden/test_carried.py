"""Streams of pictures, sounds and transcripts: passed on untouched, counted, and known to be over."""

import pytest
from tests.support.golden import Case, Golden, carried_cases, recorded

from hx_gateway.core.errors import Interrupted

CASES = carried_cases()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_stream_reaches_the_client_whole(case: Case, golden: Golden) -> None:
    _, _, body = recorded(case.path("response.http"))
    relay = case.out.relay(wants_usage=True)
    passed = relay.feed(body) + relay.end()
    assert passed == body
    assert relay.complete
    golden.check(
        case.path("reply.json"), {"usage": relay.usage, "lines": body.decode().split("\n")}
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_stream_passes_the_same_cut_at_every_byte(case: Case) -> None:
    _, _, body = recorded(case.path("response.http"))
    usage = None
    for cut in range(len(body)):
        relay = case.out.relay(wants_usage=True)
        assert relay.feed(body[:cut]) + relay.feed(body[cut:]) + relay.end() == body
        usage = usage or relay.usage
        assert relay.usage == usage
        assert usage is not None
    relay = case.out.relay(wants_usage=True)
    assert b"".join(relay.feed(bytes([byte])) for byte in body) == body


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_stream_without_its_last_event_is_broken(case: Case) -> None:
    _, _, body = recorded(case.path("response.http"))
    events = body.removesuffix(b"data: [DONE]\n\n").split(b"\n\n")[:-2]
    relay = case.out.relay(wants_usage=True)
    relay.feed(b"\n\n".join(events) + b"\n\n")
    with pytest.raises(Interrupted):
        relay.end()
