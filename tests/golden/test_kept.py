"""Recorded answers in the cache: a stream is kept only if nothing of it is lost."""

import pytest
from tests.support.golden import Case, answer_cases, recorded

from hx_gateway.core.event import Event
from hx_gateway.dialects import sse
from hx_gateway.dialects.registry import READERS, WAYS_IN
from hx_gateway.pipeline.witness import Witness, can_be_streamed


def relayed(*, stream: bool) -> list[Case]:
    """Those in the client's own format; what is translated is made of events anyway."""
    return [
        case
        for case in answer_cases(stream=stream)
        if case.call().dialect in READERS and case.out.name == case.call().dialect
    ]


@pytest.mark.parametrize("case", relayed(stream=False), ids=str)
def test_a_whole_answer_can_be_streamed(case: Case) -> None:
    _, _, body = recorded(case.path("response.http"))
    events = READERS[case.call().dialect].decode(body)
    assert can_be_streamed(body, events, case.call())


@pytest.mark.parametrize("case", relayed(stream=True), ids=str)
def test_a_stream_can_be_kept_unless_it_says_what_no_event_can(case: Case) -> None:
    _, _, body = recorded(case.path("response.http"))
    call = case.call()
    decoder, witness, events = READERS[call.dialect].decoder(), Witness(), list[Event]()
    for event in sse.split(body):
        said = decoder.feed(event)
        witness.see(event, said)
        events += said
    events += decoder.end()
    kept = witness.is_all_in(WAYS_IN[call.dialect].render(events, call), call)
    assert kept is not (b"citations_delta" in body or b"server_tool_use" in body)
