"""The use-cases of virtual keys, shared by the admin API and the command line."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from hx_gateway.auth import keys
from hx_gateway.auth.identify import MASTER
from hx_gateway.core.clock import Clock
from hx_gateway.core.duration import end_of
from hx_gateway.core.errors import Conflict, Forbidden, InvalidRequest, NotFound
from hx_gateway.core.ports import KeyFilter, KeyRecord, Store
from hx_gateway.core.principal import CACHE_CONTROLS, Principal, Scope
from hx_gateway.core.secret import Secret
from hx_gateway.manage.grant import (
    check_within,
    granted_expiry,
    granted_home,
    granted_names,
    granted_scopes,
    granted_tenant,
    some_scopes,
)

FOREVER = "-1"  # LiteLLM's word


class KeyWish(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants a new key to be; the rest is its creator's, or the default."""

    key: str | None = None
    alias: str | None = None
    duration: str | None = None
    models: tuple[str, ...] = ()
    scopes: tuple[str, ...] | None = None
    namespaces: tuple[str, ...] = ()
    tenant: str | None = None
    user_id: str | None = None
    team_id: str | None = None
    metadata: dict[str, object] = {}
    cache_controls: tuple[str, ...] = ()
    blocked: bool = False


class KeyChange(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to be different about a key; None leaves it as it is.

    `duration` counts from now; `FOREVER` takes the end away.
    """

    alias: str | None = None
    duration: str | None = None
    models: tuple[str, ...] | None = None
    scopes: tuple[str, ...] | None = None
    namespaces: tuple[str, ...] | None = None
    tenant: str | None = None
    user_id: str | None = None
    team_id: str | None = None
    metadata: dict[str, object] | None = None
    cache_controls: tuple[str, ...] | None = None
    blocked: bool | None = None


class IssuedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that was just made: the only moment at which its text exists."""

    secret: Secret
    record: KeyRecord


class KeyService:
    """Makes, shows, blocks and removes keys. Callers with the admin scope only, where not said."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        forget: Callable[[], None],
        master: Secret | None = None,
    ) -> None:
        """`forget` drops this process's copies of keys; others notice by the revocation epoch.

        `master`: a virtual key of this text could be blocked, and would go on doing everything.
        """
        self._taken = keys.key_id(master.reveal()) if master else None
        self._store = store
        self._clock = clock
        self._forget = forget

    async def generate(self, creator: Principal, wish: KeyWish) -> IssuedKey:
        """Make a key with no more rights than its creator; raises Conflict for a taken alias."""
        text = self._checked(wish.key) if wish.key is not None else keys.new_key()
        now = self._clock.now()
        wanted_end = None if wish.duration is None else end_of(wish.duration, now)
        user_id, team_id = granted_home(creator, wish.user_id, wish.team_id)
        await self._check_team(team_id)
        record = KeyRecord(
            id=keys.key_id(text),
            name=keys.shown(text),
            alias=wish.alias,
            user_id=user_id,
            team_id=team_id,
            tenant=granted_tenant(creator, wish.tenant),
            models=granted_names("models", wish.models, creator.models),
            scopes=granted_scopes(creator, some_scopes(wish.scopes)),
            namespaces=granted_names("namespaces", wish.namespaces, creator.namespaces),
            metadata=with_cache_controls(wish.metadata, wish.cache_controls or None),
            blocked=wish.blocked,
            expires_at=granted_expiry(creator, wanted_end),
            created_at=now,
            created_by=creator.user_id or creator.key_id,
            updated_at=now,
        )
        await self._store.insert_key(record)
        self._forget()  # it may have been refused a moment ago
        return IssuedKey(secret=Secret(text), record=record)

    async def find_all(self, wanted: KeyFilter) -> tuple[list[KeyRecord], int]:
        """List keys, newest first, and count all that match."""
        return await self._store.list_keys(wanted)

    async def find(self, caller: Principal, name: str | None) -> KeyRecord:
        """Find a key by its text, its hash or (None) the caller's own.

        Without the admin scope only one's own; another's and an absent one look the same.
        """
        id_ = caller.key_id if name is None else id_of(name)
        if id_ != caller.key_id and not caller.has_scope(Scope.ADMIN):
            raise Forbidden("This key may only ask about itself.", code="missing_scope")
        return await self._get(id_)

    async def resolve(self, name: str) -> str:
        """Give the id behind a key's text, hash or alias; raises NotFound for an unknown alias."""
        if name.startswith(keys.PREFIX) or keys.is_key_id(name):
            return id_of(name)
        record = await self._store.find_key_by_alias(name)
        if record is None:
            raise _absent()
        return record.id

    async def delete(self, names: Sequence[str], aliases: Sequence[str] = ()) -> list[str]:
        """Remove keys by text, hash or alias; gives the names that were there, as they were given.

        Raises NotFound when none was.
        """
        ids = {name: id_of(name) for name in names}
        for alias in aliases:
            record = await self._store.find_key_by_alias(alias)
            if record is not None:
                ids[alias] = record.id
        gone = set(await self._store.delete_keys(list(ids.values()))) if ids else set()
        self._forget()
        if not gone:
            raise NotFound("None of these keys exists.", param="keys", code="key_not_found")
        return [name for name, id_ in ids.items() if id_ in gone]

    async def set_blocked(self, name: str, *, blocked: bool) -> KeyRecord:
        """Block a key, or let it in again; raises NotFound."""
        now = self._clock.now()
        return await self._change(
            id_of(name), lambda old: msgspec.structs.replace(old, blocked=blocked, updated_at=now)
        )

    async def update(self, caller: Principal, name: str, wanted: KeyChange) -> KeyRecord:
        """Change a key; raises NotFound, Conflict, and Forbidden for more than the caller has."""
        await self._check_team(wanted.team_id)
        now = self._clock.now()

        def change(old: KeyRecord) -> KeyRecord:
            new = changed(old, wanted, now)
            if _rights(new) != _rights(old):
                check_within(caller, new)
            return new

        return await self._change(id_of(name), change)

    async def regenerate(self, caller: Principal, name: str, text: str | None = None) -> IssuedKey:
        """Give a key a new text; the old one is refused from then on, all else stays.

        Raises NotFound, and Forbidden for a key with more rights than the caller, who would have
        them with the text.
        """
        secret = Secret(self._checked(text) if text is not None else keys.new_key())
        id_, shown = keys.key_id(secret.reveal()), keys.shown(secret.reveal())
        now = self._clock.now()

        def change(old: KeyRecord) -> KeyRecord:
            check_within(caller, old)
            return msgspec.structs.replace(old, id=id_, name=shown, updated_at=now)

        return IssuedKey(secret=secret, record=await self._change(id_of(name), change))

    async def _change(self, id_: str, change: Callable[[KeyRecord], KeyRecord]) -> KeyRecord:
        record = await self._store.change_key(id_, change)
        if record is None:
            raise _absent()
        self._forget()
        return record

    async def _check_team(self, id_: str | None) -> None:
        """A key of a team that does not exist would be refused at every use: say so now."""
        if id_ is not None and await self._store.get_team(id_) is None:
            raise InvalidRequest(
                f"There is no team '{id_[:100]}'.", param="team_id", code="team_not_found"
            )

    def _checked(self, text: str) -> str:
        if not keys.is_key(text):
            raise InvalidRequest(
                f"'key' must begin with '{keys.PREFIX}' and have {keys.MIN_LENGTH} to "
                f"{keys.MAX_LENGTH} characters (letters, digits and ._~+/=-).",
                param="key",
            )
        if keys.key_id(text) == self._taken:
            raise Conflict("This key is already in use.", param="key")
        return text

    async def _get(self, id_: str) -> KeyRecord:
        record = await self._store.get_key(id_)
        if record is None:
            raise _absent()
        return record


def id_of(name: str) -> str:
    """Give the id that a key's text, or the id itself, stands for."""
    return name if keys.is_key_id(name) else keys.key_id(name)


def changed(old: KeyRecord, wanted: KeyChange, now: float) -> KeyRecord:
    """Give the record of a key with what is wanted of it; asks nobody's rights."""
    simple = ("alias", "tenant", "user_id", "team_id", "blocked")
    given = {name: value for name in simple if (value := getattr(wanted, name)) is not None}
    if wanted.metadata is not None or wanted.cache_controls is not None:
        metadata = old.metadata if wanted.metadata is None else wanted.metadata
        kept = old.metadata.get(CACHE_CONTROLS) if wanted.cache_controls is None else None
        given["metadata"] = with_cache_controls(metadata, wanted.cache_controls, kept)
    if wanted.models is not None:
        given["models"] = granted_names("models", wanted.models, ())
    if wanted.namespaces is not None:
        given["namespaces"] = granted_names("namespaces", wanted.namespaces, ())
    if wanted.scopes is not None:
        given["scopes"] = granted_scopes(MASTER, some_scopes(wanted.scopes))
    if wanted.duration is not None:
        never = wanted.duration == FOREVER
        given["expires_at"] = None if never else end_of(wanted.duration, now)
    return msgspec.structs.replace(old, **given, updated_at=now)


def with_cache_controls(
    metadata: Mapping[str, object], controls: Sequence[str] | None, kept: object = None
) -> dict[str, object]:
    """Put what a key's requests may say of the answer cache among its metadata.

    That is where it is read; `kept` holds on when metadata are replaced that do not speak of it.
    """
    if controls is not None:
        return {**metadata, CACHE_CONTROLS: list(controls)}
    return dict(metadata) if kept is None else {CACHE_CONTROLS: kept, **metadata}


def _rights(key: KeyRecord) -> tuple[object, ...]:
    home = (key.tenant, key.user_id, key.team_id)
    return (*home, key.models, key.scopes, key.namespaces, key.expires_at)


def _absent() -> NotFound:
    return NotFound("There is no such key.", param="key", code="key_not_found")
