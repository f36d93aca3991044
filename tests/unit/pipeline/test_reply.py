"""An answer under way: what it gives, and that it is closed once."""

import pytest
from tests.support.clock import FakeClock
from tests.support.pipelines import CALLER, DONE, USED, Receipts, collect, delta
from tests.support.sender import Piece, ScriptedExchange
from tests.unit.pipeline.test_record import begin

from hx_gateway.core.errors import Garbled, Interrupted, TimedOut, Unreachable
from hx_gateway.core.event import Event, Finish, Finished, Started, TextDelta, Used
from hx_gateway.core.receipt import Ending
from hx_gateway.core.usage import Usage
from hx_gateway.dialects import openai_chat
from hx_gateway.dialects.registry import WAYS_IN
from hx_gateway.pipeline.record import Record
from hx_gateway.pipeline.reply import Canned, Reply, Translation

WAY_IN = WAYS_IN["openai_chat"]


class Rig:
    def __init__(self, *pieces: Piece) -> None:
        self.exchange = ScriptedExchange(200, pieces, {})
        self.receipts = Receipts()
        self.released = 0
        record: Record = begin(FakeClock(), self.receipts)
        passage = openai_chat.WAY_OUT.relay(wants_usage=False)
        self.reply = Reply(self.exchange, passage, WAY_IN, record, self.release)

    def release(self) -> None:
        self.released += 1


async def test_everything_is_given_back_once() -> None:
    rig = Rig(delta("a"), delta(finish="stop"), USED, DONE)
    await rig.reply.begin()
    assert await collect(rig.reply) == delta("a") + delta(finish="stop") + DONE
    await rig.reply.aclose()
    await rig.reply.aclose()
    assert (rig.exchange.closed, rig.released, len(rig.receipts.all)) == (1, 1, 1)
    assert rig.receipts.only.usage == Usage(input=3, output=2)
    assert rig.receipts.only.parties.key_id == CALLER.key_id


@pytest.mark.parametrize(
    ("pieces", "error"),
    [((), Garbled), ((Interrupted("cut"),), Garbled), ((Unreachable("gone"),), Unreachable)],
)
async def test_before_the_first_event_a_fault_is_raised_so_that_others_may_answer(
    pieces: tuple[Piece, ...], error: type[Exception]
) -> None:
    rig = Rig(*pieces)
    with pytest.raises(error):
        await rig.reply.begin()
    assert rig.receipts.all == []


async def test_an_answer_that_is_all_end_is_told_once() -> None:
    """Symptom: an answer without a word ended twice (`message_stop`, `message_stop`)."""
    rig = Rig(delta(finish="stop"))
    rig.reply._passage = Translation(openai_chat.WAY_OUT.decoder(), LastOnly())
    await rig.reply.begin()
    assert await collect(rig.reply) == b"all"
    assert rig.receipts.only.ending is Ending.COMPLETE


@pytest.mark.parametrize("fault", [Interrupted("cut"), TimedOut("silent"), b"data: {garbage\n\n"])
@pytest.mark.parametrize("is_translated", [False, True])
async def test_what_comes_after_the_end_mark_is_of_no_account(
    fault: Piece, is_translated: bool
) -> None:
    """Symptom: an upstream that dropped the connection behind `[DONE]` made an error of a success."""
    rig = Rig(delta("a"), delta(finish="stop"), DONE, fault)
    if is_translated:
        rig.reply._passage = Translation(openai_chat.WAY_OUT.decoder(), Counting())
    await rig.reply.begin()
    told = await collect(rig.reply)
    assert told == (b"2.1.all" if is_translated else delta("a") + delta(finish="stop") + DONE)
    assert rig.receipts.only.ending is Ending.COMPLETE


async def test_who_leaves_at_the_end_mark_has_got_all() -> None:
    rig = Rig(delta("a"), delta(finish="stop"), DONE, 60.0)
    await rig.reply.begin()
    assert [await anext(rig.reply) for _ in range(3)][-1] == DONE
    await rig.reply.aclose()
    assert rig.receipts.only.ending is Ending.COMPLETE


class Counting:
    def write(self, events: list[Event]) -> bytes:
        return b"%d." % len(events)

    def end(self) -> bytes:
        return b"all"


@pytest.mark.parametrize("room", [1, 2, 99])
@pytest.mark.parametrize(
    "pieces",
    [
        (delta("a"), delta("b"), delta(finish="stop"), USED, DONE),
        (delta("a"), delta("b")),
        (delta("a"), Interrupted("cut")),
        (delta("a"), b"data: {\n\n", delta("b")),
        (delta(finish="stop"),),
        (delta("a"), delta(finish="stop"), DONE, Interrupted("cut")),
    ],
    ids=["complete", "cut", "fault", "garbled", "no end mark", "cut behind it"],
)
async def test_what_is_poured_is_what_iterating_gives(pieces: tuple[Piece, ...], room: int) -> None:
    iterated, poured = Rig(*pieces), Rig(*pieces)
    await iterated.reply.begin()
    await poured.reply.begin()
    given: list[bytes] = []

    def put(piece: bytes) -> bool:
        given.append(piece)
        return len(given) % room != 0

    while await poured.reply.pour(put):
        pass
    assert b"".join(given) == await collect(iterated.reply)
    assert repr(poured.receipts.only) == repr(iterated.receipts.only)
    assert (poured.exchange.closed, poured.released) == (1, 1)


class LastOnly:
    def write(self, events: list[Event]) -> bytes:
        return b""

    def end(self) -> bytes:
        return b"all"


async def test_a_stop_adds_nothing_to_what_has_ended() -> None:
    """Symptom: a slow reader's whole answer got an error event behind its `[DONE]` at a stop."""
    whole = Rig(delta("a"), delta(finish="stop"), DONE)
    await whole.reply.begin()
    await collect(whole.reply)
    assert whole.reply.last_words() == b""
    broken = Rig(delta("a"), Interrupted("cut"))
    await broken.reply.begin()
    assert (await collect(broken.reply)).count(b'"error"') == 1
    assert broken.reply.last_words() == b""
    live = Rig(delta("a"), delta(finish="stop"), DONE)
    await live.reply.begin()
    assert b"gateway_shutdown" in live.reply.last_words()


async def test_a_translation_keeps_the_last_usage() -> None:
    class Decoder:
        def feed(self, data: bytes) -> list[object]:
            return [
                Started(id="1", model="m"),
                TextDelta(text=data.decode()),
                Used(usage=Usage(input=1)),
            ]

        def end(self) -> list[object]:
            return [Finished(reason=Finish.STOP), Used(usage=Usage(input=2))]

    class Writer:
        def write(self, events: list[object]) -> bytes:
            return b"".join(e.text.encode() for e in events if isinstance(e, TextDelta))

        def end(self) -> bytes:
            return b"!"

    translation = Translation(Decoder(), Writer())  # type: ignore[arg-type]
    assert translation.feed(b"hi") == b"hi"
    assert translation.usage == Usage(input=1)
    assert translation.end() == b"!"
    assert translation.usage == Usage(input=2)


async def test_a_canned_answer_comes_in_one_piece() -> None:
    canned = Canned(b"all")
    assert await collect(canned) == b"all"
    await canned.aclose()
