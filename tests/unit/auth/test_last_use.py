"""Times of last use: written in batches, kept over an outage, bounded, never in anybody's way."""

import pytest
from tests.support.clock import FakeClock
from tests.support.keystore import KEY, SwitchedStore, record_of

from hx_gateway.auth import last_use
from hx_gateway.auth.keyring import Keyring
from hx_gateway.auth.last_use import LastUse
from hx_gateway.core.errors import DependencyError, Unauthenticated

ID = record_of().id


class Uses:
    """Noted uses over a memory store."""

    def __init__(self) -> None:
        self.store = SwitchedStore(record_of(), record_of("sk-2"))
        self.clock = FakeClock()
        self.uses = LastUse(self.store, self.clock)

    def written(self, key: str = KEY) -> float | None:
        return self.store._keys[record_of(key).id].last_used_at


async def test_a_verified_key_is_noted_and_written_later() -> None:
    it = Uses()
    ring = Keyring(it.store, it.clock, role="SQLite", fresh_s=60, stale_s=300, noted=it.uses.note)
    await ring.find(ID)
    used_at = it.clock.now()
    assert it.written() is None, "nobody waits for it"
    it.clock.advance(3)
    await it.uses.write()
    assert it.written() == used_at
    it.clock.advance(30)
    await ring.find(ID)
    await it.uses.write()
    assert it.written() == used_at, "a copy was at hand: right to within its time"
    it.clock.advance(30)
    await ring.find(ID)
    await it.uses.write()
    assert it.written() == it.clock.now() - 0.0


async def test_a_refused_key_was_not_used() -> None:
    it = Uses()
    ring = Keyring(it.store, it.clock, role="SQLite", fresh_s=60, stale_s=300, noted=it.uses.note)
    it.store._keys[ID] = record_of(blocked=True)
    for id_ in (ID, record_of("sk-absent").id):
        with pytest.raises(Unauthenticated):
            await ring.find(id_)
    await it.uses.write()
    assert it.written() is None


async def test_an_outage_loses_nothing_and_raises_nothing() -> None:
    it = Uses()
    it.uses.note(ID)
    it.store.mode = "down"
    with pytest.raises(DependencyError):
        await it.store.touch_keys({})
    await it.uses.write()
    it.clock.advance(9)
    it.uses.note(record_of("sk-2").id)
    it.store.mode = "up"
    await it.uses.write()
    assert (it.written("sk-2") or 0) - (it.written() or 0) == 9


async def test_what_is_noted_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_use, "MAX_NOTED", 3)
    it = Uses()
    for number in range(9):
        it.uses.note(str(number))
    it.clock.advance(1)
    it.uses.note("1")
    assert set(it.uses._noted) == {"0", "1", "2"}
    assert it.uses._noted["1"] == it.clock.now()
