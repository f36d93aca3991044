"""The use-cases of teams, shared by the admin API and the command line."""

import secrets
from collections.abc import Callable, Sequence

import msgspec

from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import NotFound
from hx_gateway.core.ports import KeyFilter, KeyRecord, Store, TeamRecord
from hx_gateway.core.principal import Principal
from hx_gateway.manage.grant import granted_bound

SHOWN_KEYS = 1000  # of a team, beside it


class TeamWish(msgspec.Struct, frozen=True, kw_only=True):
    """What a team shall be, or shall have instead; None: the default, or as it is."""

    alias: str | None = None
    models: tuple[str, ...] | None = None
    metadata: dict[str, object] | None = None
    blocked: bool | None = None


class TeamService:
    """Makes, changes, blocks and removes teams. Callers with the admin scope only."""

    def __init__(self, store: Store, clock: Clock, *, forget: Callable[[], None]) -> None:
        """`forget` drops this process's copies of keys; others notice by the revocation epoch."""
        self._store = store
        self._clock = clock
        self._forget = forget

    async def create(
        self, creator: Principal, wish: TeamWish, id_: str | None = None
    ) -> TeamRecord:
        """Make a team; raises Conflict for a taken id."""
        now = self._clock.now()
        new = TeamRecord(
            id=id_ or secrets.token_hex(16),
            alias=wish.alias,
            models=granted_bound(creator, wish.models or ()),
            metadata=wish.metadata or {},
            blocked=bool(wish.blocked),
            created_at=now,
            updated_at=now,
        )
        await self._store.insert_team(new)
        self._forget()
        return new

    async def update(self, caller: Principal, id_: str, wish: TeamWish) -> TeamRecord:
        """Change a team; raises NotFound, and Forbidden for models that the caller lacks."""
        given = {
            name: value for name, value in msgspec.structs.asdict(wish).items() if value is not None
        }
        if wish.models is not None:
            given["models"] = granted_bound(caller, wish.models)
        now = self._clock.now()
        team = await self._store.change_team(
            id_, lambda old: msgspec.structs.replace(old, **given, updated_at=now)
        )
        if team is None:
            raise _absent()
        self._forget()
        return team

    async def delete(self, ids: Sequence[str]) -> list[str]:
        """Remove teams with all their keys; gives the ids that were there; raises NotFound."""
        gone = await self._store.delete_teams(ids)
        self._forget()
        if not gone:
            raise _absent()
        return gone

    async def find(self, id_: str) -> tuple[TeamRecord, list[KeyRecord]]:
        """Find a team and the newest of its keys; raises NotFound."""
        team = await self._store.get_team(id_)
        if team is None:
            raise _absent()
        keys, _ = await self._store.list_keys(KeyFilter(team_id=id_, limit=SHOWN_KEYS))
        return team, keys

    async def find_all(self) -> list[TeamRecord]:
        """List all teams by id."""
        return await self._store.list_teams()


def _absent() -> NotFound:
    return NotFound("There is no such team.", param="team_id", code="team_not_found")
