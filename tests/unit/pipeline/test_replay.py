"""A kept answer in the hands of a client: headers, bytes, and when it cannot be given."""

import msgspec
import pytest
from tests.support.clock import FakeClock
from tests.support.pipelines import CALLER, DONE, Receipts, collect, whole

from hx_gateway.cache.entry import Entry, Found
from hx_gateway.core import wire
from hx_gateway.core.call import Call, Operation
from hx_gateway.core.usage import Usage
from hx_gateway.pipeline.record import Desk, Record
from hx_gateway.pipeline.replay import replay

CALL = Call(
    id="call-2",
    operation=Operation.CHAT,
    dialect="openai_chat",
    model="m",
    fields={"model": wire.raw("m")},
)
ENTRY = Entry(
    tenant="t",
    dialect="openai_chat",
    body=whole("Hello"),
    created_at=1.0,
    usage=Usage(input=3, output=5),
    deployment_id="d1",
)
FOUND = Found(entry=ENTRY, label="tag-name")


def noted(call: Call = CALL) -> tuple[Record, Receipts]:
    receipts = Receipts()
    return Record(call, CALLER, Desk(FakeClock(), (receipts,))), receipts


async def test_a_whole_answer_goes_out_byte_for_byte_and_costs_nothing() -> None:
    record, receipts = noted()
    response = replay(FOUND, CALL, record)
    assert response is not None
    assert response.body == whole("Hello")
    assert dict(response.headers) == {
        b"x-litellm-call-id": b"call-2",
        b"x-litellm-model-group": b"m",
        b"x-litellm-cache-key": b"tag-name",
        b"x-litellm-cache-hit": b"True",
        b"x-litellm-response-cost": b"0",
        b"x-litellm-model-id": b"d1",
        b"content-type": b"application/json",
    }
    assert (receipts.only.cost, receipts.only.usage) == (0, Usage(input=3, output=5))


async def test_a_stream_is_written_anew_with_the_id_of_the_answer() -> None:
    streaming = msgspec.structs.replace(CALL, stream=True, wants_usage=True)
    record, _ = noted(streaming)
    response = replay(FOUND, streaming, record)
    assert response is not None
    assert response.chunks is not None
    said = await collect(response.chunks)
    assert b'"id":"chatcmpl-1"' in said
    assert b"Hello" in said
    assert said.endswith(DONE)
    assert dict(response.headers)[b"content-type"].startswith(b"text/event-stream")


def test_the_likeness_is_shown_where_it_was_judged() -> None:
    record, _ = noted()
    response = replay(msgspec.structs.replace(FOUND, similarity=0.91237), CALL, record)
    assert response is not None
    assert dict(response.headers)[b"x-litellm-semantic-similarity"] == b"0.9124"


@pytest.mark.parametrize("body", [b"not JSON", b'{"no":"choices"}'])
def test_what_cannot_be_read_as_a_stream_is_not_given_and_not_settled(body: bytes) -> None:
    streaming = msgspec.structs.replace(CALL, stream=True)
    record, receipts = noted(streaming)
    damaged = msgspec.structs.replace(FOUND, entry=msgspec.structs.replace(ENTRY, body=body))
    assert replay(damaged, streaming, record) is None
    assert receipts.all == []
