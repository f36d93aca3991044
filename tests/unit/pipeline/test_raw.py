"""Answers of plain bytes: passed on, settled once, cut when they break."""

import pytest
from tests.support.clock import FakeClock
from tests.support.pipelines import CALLER, Receipts, collect
from tests.support.sender import Piece, ScriptedExchange

from hx_gateway.core.call import Call, Operation
from hx_gateway.core.errors import Garbled, Interrupted, UpstreamError
from hx_gateway.core.receipt import Ending
from hx_gateway.pipeline.raw import RawReply
from hx_gateway.pipeline.record import Desk, Record


class Rig:
    def __init__(self, *pieces: Piece) -> None:
        self.receipts = Receipts()
        self.released = 0
        self.exchange = ScriptedExchange(200, pieces, {})
        call = Call(
            id="c", operation=Operation.SPEECH, dialect="openai_speech", model="m", fields={}
        )
        record = Record(call, CALLER, Desk(FakeClock(), (self.receipts,)))
        self.reply = RawReply(self.exchange, record, self._release)

    def _release(self) -> None:
        self.released += 1


async def test_bytes_pass_and_settle_once() -> None:
    rig = Rig(b"a", b"b")
    await rig.reply.begin()
    assert await collect(rig.reply) == b"ab"
    await rig.reply.aclose()
    assert rig.receipts.only.ending is Ending.COMPLETE
    assert (rig.released, rig.exchange.closed) == (1, 1)


async def test_a_break_raises_so_that_the_edge_cuts() -> None:
    rig = Rig(b"a", Interrupted("gone"))
    await rig.reply.begin()
    got = [await anext(rig.reply)]
    with pytest.raises(Interrupted):
        await anext(rig.reply)
    await rig.reply.aclose()
    assert got == [b"a"]
    assert rig.receipts.only.ending is Ending.BROKEN


@pytest.mark.parametrize("piece", [b"", Garbled("no")])
async def test_a_fault_before_the_first_byte_may_fall_back(piece: Piece) -> None:
    rig = Rig(piece)
    with pytest.raises(UpstreamError):
        await rig.reply.begin()
    assert rig.receipts.all == []


async def test_who_leaves_abandons_it() -> None:
    rig = Rig(b"a", b"b")
    await rig.reply.begin()
    await rig.reply.aclose()
    await rig.reply.aclose()
    assert rig.receipts.only.ending is Ending.ABANDONED
    assert rig.released == 1


def test_it_has_no_last_words() -> None:
    """An error event in the middle of a sound would be heard."""
    assert not hasattr(Rig().reply, "last_words")
