"""The use-cases of users, shared by the admin API and the command line.

A user has no password and no session: it is a name that keys belong to, which can be blocked and
can bound what its keys outside of a team may use.
"""

import secrets
from collections.abc import Callable, Sequence

import msgspec

from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import InvalidRequest, NotFound
from hx_gateway.core.ports import KeyFilter, KeyRecord, Store, UserRecord
from hx_gateway.core.principal import Principal
from hx_gateway.manage.grant import granted_bound

# LiteLLM's two roles for viewers forbid their keys to call models: nothing enforces that yet.
ROLES = ("internal_user", "proxy_admin")
EMAIL = r"^[^@\s]+@[^@\s]+$"  # more than that only a letter that arrives can tell
SHOWN_KEYS = 1000  # of a user, beside it


class UserWish(msgspec.Struct, frozen=True, kw_only=True):
    """What a user shall be, or what shall be different about one; None: the default, or as it is.

    `role` is kept and shown; what a key may do is said by its scopes alone.
    """

    alias: str | None = None
    email: str | None = None
    role: str | None = None
    models: tuple[str, ...] | None = None
    metadata: dict[str, object] | None = None
    blocked: bool | None = None


class UserService:
    """Makes, changes, blocks and removes users. Callers with the admin scope only."""

    def __init__(self, store: Store, clock: Clock, *, forget: Callable[[], None]) -> None:
        """`forget` drops this process's copies of keys; others notice by the revocation epoch."""
        self._store = store
        self._clock = clock
        self._forget = forget

    async def create(
        self, creator: Principal, wish: UserWish, id_: str | None = None
    ) -> UserRecord:
        """Make a user; raises Conflict for a taken id or email."""
        now = self._clock.now()
        new = UserRecord(
            id=id_ or secrets.token_hex(16),
            alias=wish.alias,
            email=_folded(wish.email),
            role=_checked(wish.role or ROLES[0]),
            models=granted_bound(creator, wish.models or ()),
            metadata=wish.metadata or {},
            blocked=bool(wish.blocked),
            created_at=now,
            updated_at=now,
        )
        await self._store.insert_user(new)
        self._forget()
        return new

    async def update(self, caller: Principal, id_: str, wish: UserWish) -> UserRecord:
        """Change a user; raises NotFound, Conflict, and Forbidden for models the caller lacks."""
        given = {
            name: value for name, value in msgspec.structs.asdict(wish).items() if value is not None
        }
        if wish.role is not None:
            _checked(wish.role)
        if wish.email is not None:
            given["email"] = _folded(wish.email)
        if wish.models is not None:
            given["models"] = granted_bound(caller, wish.models)
        now = self._clock.now()
        user = await self._store.change_user(
            id_, lambda old: msgspec.structs.replace(old, **given, updated_at=now)
        )
        if user is None:
            raise _absent()
        self._forget()
        return user

    async def delete(self, ids: Sequence[str]) -> list[str]:
        """Remove users with all their keys; gives the ids that were there; raises NotFound."""
        gone = await self._store.delete_users(ids)
        self._forget()
        if not gone:
            raise _absent()
        return gone

    async def find(self, id_: str) -> tuple[UserRecord, list[KeyRecord]]:
        """Find a user and the newest of its keys; raises NotFound."""
        user = await self._store.get_user(id_)
        if user is None:
            raise _absent()
        keys, _ = await self._store.list_keys(KeyFilter(user_id=id_, limit=SHOWN_KEYS))
        return user, keys

    async def find_all(self) -> list[UserRecord]:
        """List all users by id."""
        return await self._store.list_users()

    async def resolve(self, id_: str | None, email: str | None) -> str:
        """Give the id of a user named by id or by email; raises NotFound."""
        if id_ is not None:
            return id_
        wanted = _folded(email)
        found = [user.id for user in await self._store.list_users() if user.email == wanted]
        if email is None or not found:
            raise _absent()
        return found[0]


def _folded(email: str | None) -> str | None:
    """Addresses that differ only in case are the same person's."""
    return None if email is None else email.casefold()


def _checked(role: str) -> str:
    if role not in ROLES:
        raise InvalidRequest(
            f"'user_role' may be {' or '.join(ROLES)}; rights are a key's scopes.",
            param="user_role",
        )
    return role


def _absent() -> NotFound:
    return NotFound("There is no such user.", param="user_id", code="user_not_found")
