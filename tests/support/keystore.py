"""A store whose availability is in the hands of a test, and keys to fill it with."""

import asyncio
from collections.abc import Mapping

import msgspec

from hx_gateway.auth.identify import Gatekeeper
from hx_gateway.auth.keyring import Keyring
from hx_gateway.auth.keys import key_id, shown
from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import DependencyError
from hx_gateway.core.ports import (
    KeyFilter,
    KeyRecord,
    Standing,
    Store,
    StoredResponse,
    TeamRecord,
    UserRecord,
)
from hx_gateway.core.principal import DEFAULT_SCOPES
from hx_gateway.core.snapshot import AuthSettings
from hx_gateway.store.memory import MemoryStore

KEY = "sk-0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
MASTER_KEY = "sk-master-0123456789abcdefghijklmnopqrstuv"
ADMIN_KEY = "admin-0123456789abcdefghijklmnopqrstuvwxyz"


def record_of(key: str = KEY, **fields: object) -> KeyRecord:
    """Make the record of a key's text."""
    made = KeyRecord(
        id=key_id(key),
        name=shown(key),
        scopes=DEFAULT_SCOPES,
        created_at=1_000_000.0,
        created_by="master",
        updated_at=1_000_000.0,
    )
    return msgspec.structs.replace(made, **fields)


class SwitchedStore(MemoryStore):
    """A memory store that can be switched off, made to hang, and counts its questions."""

    def __init__(
        self,
        *keys: KeyRecord,
        teams: list[TeamRecord] | None = None,
        users: list[UserRecord] | None = None,
    ) -> None:
        super().__init__(teams or [], users or [])
        for key in keys:
            self._keys[key.id] = key
        self.mode = "up"
        self.questions = 0

    async def _pass(self) -> None:
        if self.mode == "down":
            raise DependencyError("PostgreSQL")
        if self.mode == "hung":
            await asyncio.Event().wait()
        if self.mode == "broken":
            raise RuntimeError("relation hx_keys does not exist at 192.0.2.7")
        await asyncio.sleep(0)

    async def get_standing(self, id_: str) -> Standing | None:
        self.questions += 1
        await self._pass()
        return await super().get_standing(id_)

    async def get_key(self, id_: str) -> KeyRecord | None:
        await self._pass()
        return await super().get_key(id_)

    async def touch_keys(self, used_at: Mapping[str, float]) -> None:
        await self._pass()
        await super().touch_keys(used_at)

    async def revocation_epoch(self) -> int:
        await self._pass()
        return await super().revocation_epoch()

    async def list_keys(self, wanted: KeyFilter) -> tuple[list[KeyRecord], int]:
        await self._pass()
        return await super().list_keys(wanted)

    async def list_teams(self) -> list[TeamRecord]:
        await self._pass()
        return await super().list_teams()

    async def list_users(self) -> list[UserRecord]:
        await self._pass()
        return await super().list_users()

    async def keep_response(self, response: StoredResponse) -> None:
        await self._pass()
        await super().keep_response(response)

    async def get_response(self, owner: str, id_: str, *, now: float) -> StoredResponse | None:
        await self._pass()
        return await super().get_response(owner, id_, now=now)

    async def delete_response(self, owner: str, id_: str, *, now: float) -> bool:
        await self._pass()
        return await super().delete_response(owner, id_, now=now)


def gatekeeper(
    settings: AuthSettings, store: Store, clock: Clock, kind: type[Gatekeeper] = Gatekeeper
) -> Gatekeeper:
    """A gatekeeper with a keyring of its own."""
    return kind(
        settings,
        Keyring(
            store,
            clock,
            role="PostgreSQL",
            fresh_s=settings.key_cache_s,
            stale_s=settings.max_stale_s,
        ),
    )
