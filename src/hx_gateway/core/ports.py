"""What the features need from outside, in their own terms. Adapters in store, transport, local."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from hx_gateway.core.principal import Scope
from hx_gateway.core.receipt import Receipt


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A virtual key as stored. `id` is the SHA-256 hex of the whole key; the key is not kept.

    Times are seconds since 1970 UTC. `name` shows only the last four characters.
    """

    id: str
    name: str
    alias: str | None = None
    user_id: str | None = None
    team_id: str | None = None
    tenant: str = "default"
    models: tuple[str, ...] = ()
    scopes: frozenset[Scope]
    namespaces: tuple[str, ...] = ()
    metadata: Mapping[str, object] = {}
    blocked: bool = False
    expires_at: float | None = None
    created_at: float
    created_by: str
    updated_at: float
    last_used_at: float | None = None


class TeamRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A team as stored. `models` bounds what its keys may use; empty means no bound."""

    id: str
    alias: str | None = None
    models: tuple[str, ...] = ()
    metadata: Mapping[str, object] = {}
    blocked: bool = False
    created_at: float
    updated_at: float


class UserRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A user as stored. `models` bounds the keys it has outside a team; empty means no bound."""

    id: str
    alias: str | None = None
    email: str | None = None
    role: str = "internal_user"
    models: tuple[str, ...] = ()
    metadata: Mapping[str, object] = {}
    blocked: bool = False
    created_at: float
    updated_at: float


class StoredResponse(msgspec.Struct, frozen=True, kw_only=True):
    """An answer kept for its owner: what a follow-up call refers to.

    `input` is the whole conversation up to the answer, a JSON list of items; `response` the
    answer's JSON object. Both are text and come back as they were given. Times are seconds since
    1970 UTC.
    """

    owner: str
    id: str
    input: str
    response: str
    created_at: float
    expires_at: float


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A key with the team and the user it names, as of one moment; None: there is no such row."""

    key: KeyRecord
    team: TeamRecord | None = None
    user: UserRecord | None = None


class KeyFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which keys to list; None means any. `limit` 1 to 1000."""

    alias: str | None = None
    user_id: str | None = None
    team_id: str | None = None
    offset: int = 0
    limit: int = 100


class Responses(Protocol):
    """Kept answers. The owner is a mandatory argument: what belongs to another is not there.

    Raises DependencyError when it cannot say.
    """

    async def keep_response(self, response: StoredResponse) -> None:
        """Keep an answer, in place of an earlier one of the same owner and id."""
        ...

    async def get_response(self, owner: str, id_: str, *, now: float) -> StoredResponse | None:
        """Get an answer; None when there is none, or no longer."""
        ...

    async def delete_response(self, owner: str, id_: str, *, now: float) -> bool:
        """Remove an answer; False when it was not there, or no longer."""
        ...

    async def sweep_responses(self, *, now: float, most: int) -> int:
        """Remove what expired, and what is older than an owner's `most` newest; gives how many."""
        ...


class Store(Responses, Protocol):
    """Keys, teams, users, the revocation epoch; and kept answers.

    Raises DependencyError when it cannot say.

    Every write that can take a right away bumps the epoch in the same transaction. `change_…`
    reads, changes and writes a record so that nobody else can write in between; it gives the new
    record, or None when there is none. What `change` raises leaves the record as it was.
    """

    async def get_standing(self, id_: str) -> Standing | None:
        """Get a key by hash together with its team and user; None when there is no such key."""
        ...

    async def get_key(self, id_: str) -> KeyRecord | None:
        """Get a key by hash; None when there is none."""
        ...

    async def insert_key(self, key: KeyRecord) -> None:
        """Add a key; raises Conflict when the id or the alias is taken."""
        ...

    async def change_key(
        self, id_: str, change: Callable[[KeyRecord], KeyRecord]
    ) -> KeyRecord | None:
        """Change a key, even its id; raises Conflict when the new id or alias is taken."""
        ...

    async def delete_keys(self, ids: Sequence[str]) -> list[str]:
        """Remove keys; gives the ids that were really there."""
        ...

    async def list_keys(self, wanted: KeyFilter) -> tuple[list[KeyRecord], int]:
        """List keys, newest first, and count all that match."""
        ...

    async def find_key_by_alias(self, alias: str) -> KeyRecord | None:
        """Get a key by its alias."""
        ...

    async def touch_keys(self, used_at: Mapping[str, float]) -> None:
        """Write when keys were last used, by id. Takes no right away; unknown ids are nothing."""
        ...

    async def get_team(self, id_: str) -> TeamRecord | None:
        """Get a team; None when there is none."""
        ...

    async def insert_team(self, team: TeamRecord) -> None:
        """Add a team; raises Conflict when the id is taken."""
        ...

    async def change_team(
        self, id_: str, change: Callable[[TeamRecord], TeamRecord]
    ) -> TeamRecord | None:
        """Change a team."""
        ...

    async def delete_teams(self, ids: Sequence[str]) -> list[str]:
        """Remove teams and all their keys; gives the ids of teams that were really there."""
        ...

    async def list_teams(self) -> list[TeamRecord]:
        """List all teams by id."""
        ...

    async def get_user(self, id_: str) -> UserRecord | None:
        """Get a user; None when there is none."""
        ...

    async def insert_user(self, user: UserRecord) -> None:
        """Add a user, which bounds keys that name it; raises Conflict for a taken id or email."""
        ...

    async def change_user(
        self, id_: str, change: Callable[[UserRecord], UserRecord]
    ) -> UserRecord | None:
        """Change a user; raises Conflict when the email is taken."""
        ...

    async def delete_users(self, ids: Sequence[str]) -> list[str]:
        """Remove users and all keys that name them; gives the ids of users that were there."""
        ...

    async def list_users(self) -> list[UserRecord]:
        """List all users by id."""
        ...

    async def revocation_epoch(self) -> int:
        """A number that grows whenever a right was taken away."""
        ...

    async def ping(self) -> None:
        """Raise DependencyError when the store does not answer, or its schema is not current."""
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...


class Counters(Protocol):
    """Shared numbers with a life time. Raises DependencyError when the counter store is away."""

    async def add(self, name: str, amount: int, ttl_s: float) -> int:
        """Add to a counter (created with the ttl at its first add) and give its new value."""
        ...

    async def get(self, name: str) -> int:
        """Read a counter; 0 when there is none."""
        ...

    async def put(self, name: str, value: bytes, ttl_s: float) -> None:
        """Keep a value."""
        ...

    async def take(self, name: str) -> bytes | None:
        """Read a kept value; None when it is gone."""
        ...

    async def delete(self, names: Sequence[str]) -> int:
        """Remove counters and values; gives how many were there."""
        ...

    async def ping(self) -> None:
        """Raise DependencyError when it does not answer."""
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...


class Note(msgspec.Struct, frozen=True):
    """A note on the `Board`: written `age_s` ago, gone in `left_s`."""

    name: str
    age_s: float
    left_s: float


class Board(Protocol):
    """Short-lived notes that processes leave for each other. One clock for all: the board's own.

    Raises DependencyError when it is away.
    """

    async def exchange(self, put: Mapping[str, float], drop: Sequence[str]) -> list[Note]:
        """Write notes (name: seconds to live) anew, remove some, and read all that are alive."""
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One vector with its payload. `id` is a UUID text; the client's own id is in the payload."""

    id: str
    vector: tuple[float, ...]
    payload: Mapping[str, object]


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """One condition on a payload field: any of `values`, or a range (bounds inclusive)."""

    key: str
    values: tuple[str | int, ...] = ()
    at_least: float | None = None
    at_most: float | None = None


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """All of `must`, at least one of `should` (if any), none of `must_not`."""

    must: tuple["Match | Filter", ...] = ()
    should: tuple["Match | Filter", ...] = ()
    must_not: tuple["Match | Filter", ...] = ()


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A point that was found; higher `score` is nearer (cosine)."""

    id: str
    score: float
    payload: Mapping[str, object]


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """A set of vectors of one embedding model: `model` and `dimension` are pinned for its life."""

    name: str
    model: str
    dimension: int


class Vectors(Protocol):
    """The vector engine. Raises DependencyError (role `vector store`) when it does not answer.

    The tenant is a mandatory argument: a filter on it is applied inside the engine.
    """

    async def collection(self, name: str) -> Collection | None:
        """Look a collection up."""
        ...

    async def create(self, collection: Collection) -> None:
        """Make a collection with its payload indexes; nothing happens if the same one exists."""
        ...

    async def upsert(self, name: str, points: Sequence[Point]) -> None:
        """Write points, durable when it returns."""
        ...

    async def search(
        self,
        name: str,
        vector: Sequence[float],
        *,
        tenant: str,
        where: Filter,
        limit: int,
        score_threshold: float | None = None,
    ) -> list[Hit]:
        """Find the nearest points, best first."""
        ...

    async def count(self, name: str, *, tenant: str, where: Filter) -> int:
        """Count exactly."""
        ...

    async def delete(self, name: str, *, tenant: str, where: Filter) -> int:
        """Remove what matches; gives how many points were really removed."""
        ...

    async def purge(self, name: str, *, where: Filter) -> int:
        """Remove what matches of all tenants, for an operator; gives how many points it was."""
        ...

    async def ping(self) -> None:
        """Raise DependencyError when it does not answer."""
        ...

    async def aclose(self) -> None:
        """Close it."""
        ...


class Embedder(Protocol):
    """Turns texts into vectors through the gateway's own embedding route."""

    model: str

    async def embed(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        """Embed; raises DependencyError (role `embedding model`) or UpstreamError."""
        ...


class ReceiptSink(Protocol):
    """Takes the receipts of settled calls: metrics, log, ledger. Must not raise, must not block."""

    def take(self, receipt: Receipt) -> None:
        """Take one receipt."""
        ...
