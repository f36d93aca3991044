"""What is refused and what is taken, byte by byte."""

import asyncio

import pytest
from tests.support.edge import Script, serving
from tests.support.wire_corpus import NEXT, Case, cases

from hx_gateway.core import wire

CASES = cases()


def test_corpus_is_large_and_has_no_doubles() -> None:
    assert len(CASES) >= 200
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", [c for c in CASES if c.status], ids=str)
async def test_refused_bytes_get_an_error_and_the_connection_is_closed(case: Case) -> None:
    script = Script()
    async with serving(script) as served:
        client = await served.connect()
        client.send(case.raw + NEXT)
        answer = await client.answer()
        assert answer.status == case.status
        assert answer.headers["connection"] == "close"
        assert len(answer.headers["x-request-id"]) == 32
        error = wire.decode_any(answer.body)["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert await client.rest() == b""  # nothing after it was answered
        assert script.requests == []


@pytest.mark.parametrize("case", [c for c in CASES if not c.status], ids=str)
async def test_taken_bytes_are_read_as_these_requests(case: Case) -> None:
    script = Script()
    async with serving(script) as served:
        client = await served.connect()
        client.send(case.raw)
        for _ in case.taken:
            assert (await client.answer()).status == 200
        assert [(m, p, b) for m, p, _, b in script.seen] == list(case.taken)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_bytes_mean_the_same_one_by_one(case: Case) -> None:
    """A verdict that depends on how TCP cuts the bytes is a way around it."""
    script = Script()
    async with serving(script) as served:
        client = await served.connect()
        for byte in case.raw[:2000]:
            client.send(bytes([byte]))
            await asyncio.sleep(0)
        client.send(case.raw[2000:])
        if case.status:
            assert (await client.answer()).status == case.status
            assert script.requests == []
        else:
            for _ in case.taken:
                await client.answer()
            assert [(m, p, b) for m, p, _, b in script.seen] == list(case.taken)
