"""The lists: what the store has, or its absence."""

import pytest
from tests.support.keystore import SwitchedStore, record_of

from hx_gateway.core.errors import DependencyError
from hx_gateway.core.ports import TeamRecord, UserRecord
from hx_gateway.manage.directory import Directory

TEAM = TeamRecord(id="t", created_at=1.0, updated_at=1.0)
USER = UserRecord(id="u", created_at=1.0, updated_at=1.0)


async def test_lists_are_the_stores() -> None:
    directory = Directory(
        SwitchedStore(record_of("sk-1"), record_of("sk-2"), teams=[TEAM], users=[USER])
    )
    keys, total = await directory.keys(offset=1, limit=5)
    assert (len(keys), total) == (1, 2)
    assert await directory.teams() == [TEAM]
    assert await directory.users() == [USER]


async def test_an_outage_is_not_an_empty_list() -> None:
    store = SwitchedStore()
    store.mode = "down"
    with pytest.raises(DependencyError):
        await Directory(store).teams()
