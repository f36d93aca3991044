"""A key revoked by one process is refused by all others within seconds, on a real store."""

import asyncio
from pathlib import Path

import pytest
from tests.support.edge import until
from tests.support.keystore import KEY, record_of

from hx_gateway.auth.identify import MASTER, Gatekeeper
from hx_gateway.auth.keyring import Keyring
from hx_gateway.core.clock import SystemClock
from hx_gateway.core.errors import Unauthenticated
from hx_gateway.core.snapshot import AuthSettings
from hx_gateway.manage.keys import KeyService
from hx_gateway.manage.teams import TeamService, TeamWish
from hx_gateway.store.sqlite import SqliteStore

HEADERS = {b"authorization": f"Bearer {KEY}".encode()}


@pytest.mark.parametrize("watched", [True, False], ids=["watched", "control: not watched"])
async def test_every_process_refuses_a_blocked_key_within_seconds(
    tmp_path: Path, watched: bool
) -> None:
    clock = SystemClock()
    stores = [SqliteStore(tmp_path / "hx.db", clock) for _ in range(2)]
    ours, theirs = stores
    await ours.insert_key(record_of(created_at=clock.now(), updated_at=clock.now()))
    ring = Keyring(ours, clock, role="SQLite", fresh_s=60.0, stale_s=300.0)
    gate = Gatekeeper(AuthSettings(), ring)
    if watched:
        await ring.look()
    watch = asyncio.ensure_future(ring.watch()) if watched else None
    try:
        await gate.find(HEADERS)
        assert gate.known(HEADERS) is not None
        await KeyService(theirs, clock, forget=lambda: None).set_blocked(KEY, blocked=True)
        if not watched:
            await asyncio.sleep(1.0)
            assert gate.known(HEADERS) is not None
        else:
            await until(lambda: gate.known(HEADERS) is None)
            with pytest.raises(Unauthenticated, match="blocked"):
                await gate.find(HEADERS)
    finally:
        if watch is not None:
            watch.cancel()
        for store in stores:
            await store.aclose()


async def test_a_team_blocked_elsewhere_takes_its_keys_along_within_seconds(
    tmp_path: Path,
) -> None:
    clock = SystemClock()
    ours, theirs = [SqliteStore(tmp_path / "hx.db", clock) for _ in range(2)]
    teams = TeamService(theirs, clock, forget=lambda: None)
    await teams.create(MASTER, TeamWish(), "t")
    await ours.insert_key(record_of(team_id="t", created_at=clock.now(), updated_at=clock.now()))
    ring = Keyring(ours, clock, role="SQLite", fresh_s=60.0, stale_s=300.0)
    gate = Gatekeeper(AuthSettings(), ring)
    await ring.look()
    watch = asyncio.ensure_future(ring.watch())
    try:
        await gate.find(HEADERS)
        assert gate.known(HEADERS) is not None
        await teams.update(MASTER, "t", TeamWish(blocked=True))
        await until(lambda: gate.known(HEADERS) is None)
        with pytest.raises(Unauthenticated, match="team"):
            await gate.find(HEADERS)
    finally:
        watch.cancel()
        for store in (ours, theirs):
            await store.aclose()
