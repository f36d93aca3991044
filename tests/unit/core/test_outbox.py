"""What is put is written once, in order, at the end of the round; nobody spoils it for others."""

import asyncio

from hx_gateway.core.outbox import Outbox


class Transport:
    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closing = self.broken = self.aborted = False

    def write(self, data: bytes) -> None:
        if self.broken:
            raise RuntimeError("closed")
        self.written.append(data)

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.aborted = True


async def test_writes_of_a_round_are_made_at_its_end_and_in_order() -> None:
    box, one, other = Outbox(), Transport(), Transport()
    box.put(one, b"1")
    box.put(other, b"2")
    box.put(one, b"3")
    assert (one.written, other.written) == ([], [])
    await asyncio.sleep(0)
    assert (one.written, other.written) == ([b"1", b"3"], [b"2"])
    box.put(one, b"4")
    await asyncio.sleep(0)
    assert one.written == [b"1", b"3", b"4"]


async def test_they_can_be_made_sooner_and_are_made_once() -> None:
    box, one = Outbox(), Transport()
    box.put(one, b"1")
    box.flush()
    box.flush()
    box.put(one, b"2")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert one.written == [b"1", b"2"]
    assert box.waiting == []


async def test_who_closes_or_fails_costs_nobody_else() -> None:
    box, gone, broken, good = Outbox(), Transport(), Transport(), Transport()
    gone.closing = broken.broken = True
    for transport in (gone, broken, good):
        box.put(transport, b"1")
    box.flush()
    assert (gone.written, broken.aborted, good.written) == ([], True, [b"1"])
