"""Verified keys at hand: a bounded local copy of what the store said, never trusted for long."""

import asyncio
import math
from collections.abc import Callable
from typing import TypeVar

import msgspec

from hx_gateway.auth.policy import ALL_OF_TEAM
from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import DependencyError, Unauthenticated
from hx_gateway.core.ports import Standing, Store
from hx_gateway.core.principal import Principal
from hx_gateway.core.tasks import spawn

MAX_KNOWN = 50_000
MAX_REFUSED = 10_000
REFUSED_S = 5.0
POLL_S = 0.5
POLL_TIMEOUT_S = 2.0
SILENCE_S = 3.0  # more than one poll and its timeout

V = TypeVar("V")  # PEP 695 needs 3.12; 3.11 is supported
_Answer = Principal | Unauthenticated | DependencyError


def _unnoted(_id: str) -> None:
    pass


class Entry(msgspec.Struct, frozen=True):
    """A key that the store confirmed; times are monotonic. See `Keyring.holds`."""

    principal: Principal
    verified_at: float
    fresh_until: float
    generation: int


class _Refused(msgspec.Struct, frozen=True):
    """A key that the store did not accept; `until` is monotonic."""

    why: Unauthenticated
    until: float


class Keyring:
    """The keys this process has verified, by SHA-256 of the whole key.

    An entry is served for `fresh_s` without asking again, and up to `stale_s` while the store does
    not answer. Whatever may have taken a right away drops all of them (`forget`). A key the store
    did not accept is remembered for a few seconds, so that guessing does not reach the store.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        role: str,
        fresh_s: float,
        stale_s: float,
        noted: Callable[[str], None] = _unnoted,
        poll_timeout_s: float = POLL_TIMEOUT_S,
    ) -> None:
        """`role` names the store; `noted` is told of each valid key. Times: see `keep_for`."""
        self._store = store
        self._clock = clock
        self._role = role
        self._noted = noted
        self._fresh_s = min(fresh_s, stale_s)
        self._stale_s = stale_s
        self._poll_timeout_s = poll_timeout_s
        self._known: dict[str, Entry] = {}
        self._refused: dict[str, _Refused] = {}
        self._asking: dict[str, asyncio.Task[_Answer]] = {}
        self._generation = 0
        self._epoch: int | None = None
        self._away = False
        self._heard_until = math.inf  # until `watch` runs, nothing is expected to be heard

    def fresh(self, id_: str) -> Entry | None:
        """Get a key that needs no question to the store; None when there is none."""
        entry = self._known.get(id_)
        return entry if entry is not None and self.holds(entry) else None

    def holds(self, entry: Entry) -> bool:
        """Say whether what was confirmed may still be taken as true without asking again."""
        now = self._clock.monotonic()
        return (
            entry.generation == self._generation
            and now < entry.fresh_until
            and now < self._heard_until
            and not (entry.principal.expires_at is not None and self._expired(entry))
        )

    async def find(self, id_: str) -> Principal:
        """Find a valid key; raises Unauthenticated, or DependencyError when nobody can say."""
        if (entry := self.fresh(id_)) is not None:
            return entry.principal
        refused = self._refused.get(id_)
        if refused is not None and self._clock.monotonic() < refused.until:
            raise _again(refused.why)
        answer = await self._ask_once(id_)
        if isinstance(answer, Principal):
            return answer
        if isinstance(answer, DependencyError):
            return self._stale(id_, answer)
        raise _again(answer)

    def keep_for(self, *, fresh_s: float, stale_s: float) -> None:
        """Keep keys for another time from now on, counted from their confirmation.

        The copies outlive a reload: a store that is away must not turn known keys into 503.
        """
        fresh_s = min(fresh_s, stale_s)
        if (fresh_s, stale_s) != (self._fresh_s, self._stale_s):
            self._fresh_s, self._stale_s = fresh_s, stale_s
            self.forget()

    def forget(self) -> None:
        """Drop everything: the next use of each key asks the store."""
        self._generation += 1
        self._known.clear()
        self._refused.clear()
        self._asking.clear()  # those who wait get their answer; it is not kept

    async def watch(self) -> None:
        """Follow the store's revocation epoch for ever; also notices when the store is away."""
        while True:
            was_away = self._away
            await self.look()
            if was_away or not self._away:  # one slow answer is no outage yet: ask again at once
                await self._clock.sleep(POLL_S)

    async def look(self) -> None:
        """Ask the store for its epoch once; any other than the known one drops the copies.

        While it does not answer, nobody else asks it either: a store that hangs would otherwise
        hold up each caller for its whole deadline. Should this loop itself fall silent, the copies
        are no longer taken as fresh.
        """
        self._heard_until = self._clock.monotonic() + SILENCE_S
        try:
            async with asyncio.timeout(self._poll_timeout_s):
                epoch = await self._store.revocation_epoch()
        except (DependencyError, TimeoutError):
            self._away = True
            return
        self._away = False
        if epoch != self._epoch:
            self._epoch = epoch
            self.forget()

    async def _ask_once(self, id_: str) -> _Answer:
        if self._away:
            return DependencyError(self._role)
        task = self._asking.get(id_)
        if task is None:
            task = spawn(self._ask(id_), name="verify key")
            self._asking[id_] = task
            task.add_done_callback(self._asked(id_))
        # Shielded: a caller who leaves must not take the answer from the others who wait for it.
        return await asyncio.shield(task)

    def _asked(self, id_: str) -> Callable[[asyncio.Task[_Answer]], None]:
        def done(task: asyncio.Task[_Answer]) -> None:
            if self._asking.get(id_) is task:
                del self._asking[id_]

        return done

    async def _ask(self, id_: str) -> _Answer:
        generation = self._generation
        try:
            standing = await self._store.get_standing(id_)
        except DependencyError as error:
            return error
        answer = judge(standing, id_, self._clock.now())
        if generation == self._generation:
            self._keep(id_, answer)
        # Otherwise a right was taken away while the store was answering: use it once, keep nothing.
        return answer

    def _keep(self, id_: str, answer: Principal | Unauthenticated) -> None:
        now = self._clock.monotonic()
        if isinstance(answer, Principal):
            self._noted(id_)
            _put(
                self._known,
                id_,
                Entry(answer, now, now + self._fresh_s, self._generation),
                MAX_KNOWN,
            )
        else:
            self._known.pop(id_, None)
            _put(self._refused, id_, _Refused(answer, now + REFUSED_S), MAX_REFUSED)

    def _stale(self, id_: str, error: DependencyError) -> Principal:
        entry = self._known.get(id_)
        if entry is None or self._clock.monotonic() >= entry.verified_at + self._stale_s:
            raise DependencyError(error.role)
        if self._expired(entry):
            raise Unauthenticated("This API key has expired.", code="expired_api_key")
        return entry.principal

    def _expired(self, entry: Entry) -> bool:
        expires_at = entry.principal.expires_at
        return expires_at is not None and self._clock.now() >= expires_at


def judge(standing: Standing | None, id_: str, now: float) -> Principal | Unauthenticated:
    """Make a principal of what the store holds under an id, or say why not."""
    if standing is None or standing.key.id != id_:
        return Unauthenticated("This API key is not valid.")
    if (refusal := _refusal(standing, now)) is not None:
        return refusal
    key = standing.key
    return Principal(
        key_id=key.id,
        scopes=key.scopes,
        alias=key.alias,
        user_id=key.user_id,
        team_id=key.team_id,
        tenant=key.tenant,
        models=() if standing.team is not None and ALL_OF_TEAM in key.models else key.models,
        within=_bounds(standing),
        namespaces=key.namespaces,
        expires_at=key.expires_at,
        metadata=key.metadata,
    )


def _refusal(standing: Standing, now: float) -> Unauthenticated | None:
    key, team, user = standing.key, standing.team, standing.user
    if key.blocked:
        return Unauthenticated("This API key is blocked.", code="blocked_api_key")
    if key.expires_at is not None and now >= key.expires_at:
        return Unauthenticated("This API key has expired.", code="expired_api_key")
    if key.team_id is not None and (team is None or team.blocked):
        # A team that is gone bounds nothing any more, so its keys must not outlive it.
        return Unauthenticated("The team of this API key is blocked or gone.", code="blocked_team")
    if user is not None and user.blocked:
        return Unauthenticated("The user of this API key is blocked.", code="blocked_user")
    return None


def _bounds(standing: Standing) -> tuple[tuple[str, ...], ...]:
    """Give the model lists beside the key's own: its team's, or its user's outside of a team."""
    bound = standing.team or standing.user
    return (bound.models,) if bound is not None and bound.models else ()


def _again(error: Unauthenticated) -> Unauthenticated:
    """Make a fresh one to raise: a kept exception would collect the frames of all who met it."""
    return Unauthenticated(error.message, code=error.error_code)


def _put(kept: dict[str, V], id_: str, value: V, limit: int) -> None:
    """Add at the end; the oldest one leaves a full dict."""
    kept.pop(id_, None)
    if len(kept) >= limit:
        del kept[next(iter(kept))]
    kept[id_] = value
