"""Keep everything in the memory of the process: for tests and throw-away gateways."""

from collections import Counter
from collections.abc import Iterable, Sequence

from hx_gateway.core.errors import Conflict
from hx_gateway.core.ports import KeyFilter, KeyRecord, StoredResponse, TeamRecord, UserRecord
from hx_gateway.store.rows import TAKEN, key_values, response_values


class MemoryStore:
    """A store that forgets everything at the end of the process."""

    def __init__(self, teams: Iterable[TeamRecord] = (), users: Iterable[UserRecord] = ()) -> None:
        """Start with these teams and users, and no keys."""
        self._keys: dict[str, KeyRecord] = {}
        self._teams = sorted(teams, key=lambda team: team.id)
        self._users = sorted(users, key=lambda user: user.id)
        self._epoch = 0
        self._responses: dict[tuple[str, str], StoredResponse] = {}

    async def get_key(self, id_: str) -> KeyRecord | None:
        """See `Store`."""
        return self._keys.get(id_)

    async def insert_key(self, key: KeyRecord) -> None:
        """See `Store`."""
        if key.id in self._keys:
            raise Conflict(TAKEN)
        self._keep(key)

    async def update_key(self, key: KeyRecord) -> bool:
        """See `Store`."""
        if key.id not in self._keys:
            return False
        self._keep(key)
        self._epoch += 1
        return True

    async def delete_keys(self, ids: Sequence[str]) -> list[str]:
        """See `Store`."""
        gone = [id_ for id_ in dict.fromkeys(ids) if self._keys.pop(id_, None)]
        self._epoch += bool(gone)
        return gone

    async def list_keys(self, wanted: KeyFilter) -> tuple[list[KeyRecord], int]:
        """See `Store`."""
        found = [key for key in self._keys.values() if _matches(key, wanted)]
        found.sort(key=lambda key: (-key.created_at, key.id))
        return found[wanted.offset : wanted.offset + wanted.limit], len(found)

    async def find_key_by_alias(self, alias: str) -> KeyRecord | None:
        """See `Store`."""
        return next((key for key in self._keys.values() if key.alias == alias), None)

    async def list_teams(self) -> list[TeamRecord]:
        """See `Store`."""
        return list(self._teams)

    async def list_users(self) -> list[UserRecord]:
        """See `Store`."""
        return list(self._users)

    async def revocation_epoch(self) -> int:
        """See `Store`."""
        return self._epoch

    async def keep_response(self, response: StoredResponse) -> None:
        """See `Responses`."""
        response_values(response)  # refuses what the engines could not store
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

    def _keep(self, key: KeyRecord) -> None:
        key_values(key)  # refuses what the engines could not store
        others = (other for other in self._keys.values() if other.id != key.id)
        if key.alias is not None and any(other.alias == key.alias for other in others):
            raise Conflict(TAKEN)
        self._keys[key.id] = key


def _matches(key: KeyRecord, wanted: KeyFilter) -> bool:
    pairs = (
        (wanted.alias, key.alias),
        (wanted.user_id, key.user_id),
        (wanted.team_id, key.team_id),
    )
    return all(want is None or want == have for want, have in pairs)
