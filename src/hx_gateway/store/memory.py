"""Keep everything in the memory of the process: for tests and throw-away gateways."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from hx_gateway.core.errors import Conflict
from hx_gateway.core.ports import (
    KeyFilter,
    KeyRecord,
    Standing,
    StoredResponse,
    TeamRecord,
    UserRecord,
)
from hx_gateway.store.rows import TAKEN, Record, values_of


class MemoryStore:
    """A store that forgets everything at the end of the process."""

    def __init__(self, teams: Iterable[TeamRecord] = (), users: Iterable[UserRecord] = ()) -> None:
        """Start with these teams and users, and no keys."""
        self._keys: dict[str, KeyRecord] = {}
        self._teams = {team.id: team for team in teams}
        self._users = {user.id: user for user in users}
        self._epoch = 0
        self._responses: dict[tuple[str, str], StoredResponse] = {}

    async def get_standing(self, id_: str) -> Standing | None:
        """See `Store`."""
        key = self._keys.get(id_)
        if key is None:
            return None
        team, user = self._teams.get(key.team_id or ""), self._users.get(key.user_id or "")
        return Standing(key=key, team=team, user=user)

    async def get_key(self, id_: str) -> KeyRecord | None:
        """See `Store`."""
        return self._keys.get(id_)

    async def insert_key(self, key: KeyRecord) -> None:
        """See `Store`."""
        _insert(self._keys, key, "alias")

    async def change_key(
        self, id_: str, change: Callable[[KeyRecord], KeyRecord]
    ) -> KeyRecord | None:
        """See `Store`."""
        return self._change(self._keys, id_, change, "alias")

    async def delete_keys(self, ids: Sequence[str]) -> list[str]:
        """See `Store`."""
        return self._delete(self._keys, ids)

    async def list_keys(self, wanted: KeyFilter) -> tuple[list[KeyRecord], int]:
        """See `Store`."""
        found = [key for key in self._keys.values() if _matches(key, wanted)]
        found.sort(key=lambda key: (-key.created_at, key.id))
        return found[wanted.offset : wanted.offset + wanted.limit], len(found)

    async def find_key_by_alias(self, alias: str) -> KeyRecord | None:
        """See `Store`."""
        return next((key for key in self._keys.values() if key.alias == alias), None)

    async def touch_keys(self, used_at: Mapping[str, float]) -> None:
        """See `Store`."""
        for id_, at in used_at.items():
            key = self._keys.get(id_)
            if key is not None and at > (key.last_used_at or 0.0):
                self._keys[id_] = msgspec.structs.replace(key, last_used_at=at)

    async def get_team(self, id_: str) -> TeamRecord | None:
        """See `Store`."""
        return self._teams.get(id_)

    async def insert_team(self, team: TeamRecord) -> None:
        """See `Store`."""
        _insert(self._teams, team)
        self._epoch += 1

    async def change_team(
        self, id_: str, change: Callable[[TeamRecord], TeamRecord]
    ) -> TeamRecord | None:
        """See `Store`."""
        return self._change(self._teams, id_, change)

    async def delete_teams(self, ids: Sequence[str]) -> list[str]:
        """See `Store`."""
        gone = self._delete(self._teams, ids)
        self._delete(self._keys, [key.id for key in self._keys.values() if key.team_id in gone])
        return gone

    async def list_teams(self) -> list[TeamRecord]:
        """See `Store`."""
        return sorted(self._teams.values(), key=lambda team: team.id)

    async def get_user(self, id_: str) -> UserRecord | None:
        """See `Store`."""
        return self._users.get(id_)

    async def insert_user(self, user: UserRecord) -> None:
        """See `Store`."""
        _insert(self._users, user, "email")
        self._epoch += 1

    async def change_user(
        self, id_: str, change: Callable[[UserRecord], UserRecord]
    ) -> UserRecord | None:
        """See `Store`."""
        return self._change(self._users, id_, change, "email")

    async def delete_users(self, ids: Sequence[str]) -> list[str]:
        """See `Store`."""
        gone = self._delete(self._users, ids)
        self._delete(self._keys, [key.id for key in self._keys.values() if key.user_id in gone])
        return gone

    async def list_users(self) -> list[UserRecord]:
        """See `Store`."""
        return sorted(self._users.values(), key=lambda user: user.id)

    async def revocation_epoch(self) -> int:
        """See `Store`."""
        return self._epoch

    async def keep_response(self, response: StoredResponse) -> None:
        """See `Responses`."""
        values_of(response)  # refuses what the engines could not store
        self._responses[response.owner, response.id] = response

    async def get_response(self, owner: str, id_: str, *, now: float) -> StoredResponse | None:
        """See `Responses`."""
        found = self._responses.get((owner, id_))
        return found if found is not None and found.expires_at > now else None

    async def delete_response(self, owner: str, id_: str, *, now: float) -> bool:
        """See `Responses`."""
        if await self.get_response(owner, id_, now=now) is None:
            return False
        del self._responses[owner, id_]
        return True

    async def sweep_responses(self, *, now: float, most: int) -> int:
        """See `Responses`."""
        newest = sorted(self._responses.values(), key=lambda kept: (-kept.created_at, kept.id))
        places: Counter[str] = Counter()
        gone = []
        for kept in newest:
            places[kept.owner] += 1
            if kept.expires_at <= now or places[kept.owner] > most:
                gone.append((kept.owner, kept.id))
        for place in gone:
            del self._responses[place]
        return len(gone)

    async def ping(self) -> None:
        """See `Store`."""

    async def aclose(self) -> None:
        """See `Store`."""

    def _change(
        self,
        rows: dict[str, Record],
        id_: str,
        change: Callable[[Record], Record],
        unique: str | None = None,
    ) -> Record | None:
        old = rows.get(id_)
        if old is None:
            return None
        changed = change(old)
        del rows[id_]
        try:
            _insert(rows, changed, unique)
        except BaseException:
            rows[id_] = old
            raise
        self._epoch += 1
        return changed

    def _delete(self, rows: dict[str, Record], ids: Sequence[str]) -> list[str]:
        gone = [id_ for id_ in dict.fromkeys(ids) if rows.pop(id_, None)]
        self._epoch += bool(gone)
        return gone


def _insert(rows: dict[str, Record], row: Record, unique: str | None = None) -> None:
    """Add a row; raises Conflict when its id, or its value in the unique column, is taken."""
    values_of(row)  # refuses what the engines could not store
    value = None if unique is None else getattr(row, unique)
    if row.id in rows or (
        value is not None and any(getattr(other, str(unique)) == value for other in rows.values())
    ):
        raise Conflict(TAKEN)
    rows[row.id] = row


def _matches(key: KeyRecord, wanted: KeyFilter) -> bool:
    pairs = (
        (wanted.alias, key.alias),
        (wanted.user_id, key.user_id),
        (wanted.team_id, key.team_id),
    )
    return all(want is None or want == have for want, have in pairs)
