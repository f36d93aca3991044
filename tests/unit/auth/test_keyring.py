"""Copies of verified keys: bounded, dropped on revocation, useful in an outage, never for long."""

import asyncio

import msgspec
import pytest
from tests.support.clock import FakeClock
from tests.support.keystore import KEY, SwitchedStore, record_of

from hx_gateway.auth import keyring
from hx_gateway.auth.keyring import Keyring, judge
from hx_gateway.auth.keys import key_id
from hx_gateway.core.errors import DependencyError, Unauthenticated
from hx_gateway.core.ports import KeyRecord, Standing, TeamRecord, UserRecord

ID = key_id(KEY)


class Ring:
    """A keyring with everything that moves in a test's hands."""

    def __init__(self, *keys: KeyRecord) -> None:
        self.store = SwitchedStore(*keys)
        self.clock = FakeClock()
        self.ring = Keyring(
            self.store,
            self.clock,
            role="PostgreSQL",
            fresh_s=60.0,
            stale_s=300.0,
            poll_timeout_s=0.2,
        )

    async def status(self, id_: str = ID) -> int:
        try:
            await self.ring.find(id_)
        except (Unauthenticated, DependencyError) as error:
            return error.http_status
        return 200


async def test_a_verified_key_is_not_asked_for_again_within_its_time() -> None:
    it = Ring(record_of())
    assert [await it.status() for _ in range(3)] == [200, 200, 200]
    assert it.store.questions == 1
    it.clock.advance(60.0)
    assert it.ring.fresh(ID) is None
    assert await it.status() == 200
    assert it.store.questions == 2


async def test_many_callers_at_once_ask_one_question() -> None:
    it = Ring(record_of())
    assert await asyncio.gather(*[it.status() for _ in range(50)]) == [200] * 50
    assert it.store.questions == 1


async def test_a_caller_who_leaves_does_not_take_the_answer_along() -> None:
    it = Ring(record_of())
    first = asyncio.ensure_future(it.status())
    second = asyncio.ensure_future(it.status())
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 200
    assert it.store.questions == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"blocked": True}, "blocked"),
        ({"expires_at": 999_999.0}, "expired"),
        ({"expires_at": 1_000_000.0}, "expired"),
        ({"id": "0" * 64}, "not valid"),
    ],
)
async def test_a_bad_record_is_refused(fields: dict[str, object], reason: str) -> None:
    it = Ring()
    it.store._keys[ID] = msgspec.structs.replace(record_of(), **fields)
    with pytest.raises(Unauthenticated, match=reason):
        await it.ring.find(ID)


async def test_an_unknown_key_is_refused_from_memory_for_a_while() -> None:
    it = Ring()
    assert [await it.status() for _ in range(5)] == [401] * 5
    assert it.store.questions == 1
    it.clock.advance(keyring.REFUSED_S)
    assert await it.status() == 401
    assert it.store.questions == 2


async def test_a_cached_key_that_expired_is_refused() -> None:
    it = Ring(record_of(expires_at=1_000_010.0))
    assert await it.status() == 200
    it.clock.advance(10.0)
    assert it.ring.fresh(ID) is None
    assert await it.status() == 401


async def test_a_cached_key_that_expired_is_refused_in_an_outage_too() -> None:
    it = Ring(record_of(expires_at=1_000_010.0))
    assert await it.status() == 200
    it.store.mode = "down"
    it.clock.advance(10.0)
    assert await it.status() == 401


async def test_in_an_outage_only_keys_verified_before_are_served_and_not_for_ever() -> None:
    it = Ring(record_of())
    assert await it.status() == 200
    it.store.mode = "down"
    it.clock.advance(299.9)
    assert await it.status() == 200
    assert await it.status(key_id("sk-other")) == 503
    it.clock.advance(0.2)
    assert await it.status() == 503


async def test_the_outage_names_the_store() -> None:
    it = Ring()
    it.store.mode = "down"
    with pytest.raises(DependencyError, match="PostgreSQL"):
        await it.ring.find(ID)


async def test_an_outage_is_not_remembered_as_a_refusal() -> None:
    it = Ring(record_of())
    it.store.mode = "down"
    assert await it.status() == 503
    it.store.mode = "up"
    assert await it.status() == 200


async def test_revocation_by_another_process_is_seen_at_the_next_look() -> None:
    it = Ring(record_of())
    await it.ring.look()
    assert await it.status() == 200
    await it.store.delete_keys([ID])
    assert await it.status() == 200, "the copy is still served: this is what looking is for"
    await it.ring.look()
    assert await it.status() == 401


async def test_a_look_that_finds_nothing_new_keeps_the_copies() -> None:
    it = Ring(record_of())
    await it.ring.look()
    assert await it.status() == 200
    await it.ring.look()
    assert it.ring.fresh(ID) is not None


async def test_the_watch_looks_twice_a_second() -> None:
    it = Ring(record_of())
    await it.ring.look()
    assert await it.status() == 200
    await it.store.delete_keys([ID])
    watch = asyncio.ensure_future(it.ring.watch())
    for _ in range(20):
        await asyncio.sleep(0)
    watch.cancel()
    assert it.ring.fresh(ID) is None
    assert set(it.clock.slept) <= {keyring.POLL_S}
    assert it.clock.slept


async def test_after_one_slow_answer_it_is_asked_again_at_once() -> None:
    """New keys were 503 for half a second because the store had been slow once."""
    clock = FakeClock()
    slept: list[int] = []

    class SlowOnce(SwitchedStore):
        async def revocation_epoch(self) -> int:
            slept.append(len(clock.slept))
            if len(slept) == 1:
                await asyncio.Event().wait()
            return await super().revocation_epoch()

    ring = Keyring(
        SlowOnce(record_of()),
        clock,
        role="PostgreSQL",
        fresh_s=60.0,
        stale_s=300.0,
        poll_timeout_s=0.02,
    )
    watch = asyncio.ensure_future(ring.watch())
    while len(slept) < 4:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.001)
    watch.cancel()
    assert slept[:4] == [0, 0, 1, 2]
    assert (await ring.find(ID)).key_id == ID


async def test_an_answer_overtaken_by_a_revocation_is_not_kept() -> None:
    it = Ring(record_of())
    question = asyncio.ensure_future(it.status())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    it.ring.forget()
    assert await question == 200
    assert it.ring.fresh(ID) is None


async def test_after_a_look_in_vain_nobody_waits_for_a_hanging_store() -> None:
    it = Ring(record_of())
    assert await it.status() == 200
    it.store.mode = "hung"
    await it.ring.look()
    asked = it.store.questions
    it.clock.advance(61.0)
    assert await it.status() == 200
    assert await it.status(key_id("sk-other")) == 503
    assert it.store.questions == asked
    it.store.mode = "up"
    await it.ring.look()
    assert await it.status(key_id("sk-other")) == 401


async def test_copies_are_not_fresh_any_more_when_the_watch_falls_silent() -> None:
    it = Ring(record_of())
    await it.ring.look()
    assert await it.status() == 200
    it.clock.advance(keyring.SILENCE_S)
    assert it.ring.fresh(ID) is None


async def test_what_the_store_did_not_foresee_is_an_error_not_an_identity() -> None:
    it = Ring(record_of())
    it.store.mode = "broken"
    with pytest.raises(RuntimeError):
        await it.ring.find(ID)
    assert it.ring.fresh(ID) is None


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "MAX_KNOWN", 10)
    monkeypatch.setattr(keyring, "MAX_REFUSED", 10)
    texts = [f"sk-{n}" for n in range(30)]
    it = Ring(*[record_of(text) for text in texts])
    for text in texts:
        await it.status(key_id(text))
        await it.status(key_id("x" + text))
    assert (len(it.ring._known), len(it.ring._refused)) == (10, 10)
    assert it.ring.fresh(key_id(texts[-1])) is not None


def test_a_principal_has_what_the_record_has() -> None:
    record = record_of(
        alias="a",
        user_id="u",
        team_id="t",
        tenant="x",
        models=("m",),
        namespaces=("n",),
        expires_at=2e9,
    )
    team = TeamRecord(id="t", created_at=0.0, updated_at=0.0)
    principal = judge(Standing(key=record, team=team), record.id, 0.0)
    assert not isinstance(principal, Unauthenticated)
    for name in (
        "alias",
        "user_id",
        "team_id",
        "tenant",
        "models",
        "namespaces",
        "scopes",
        "expires_at",
    ):
        assert getattr(principal, name) == getattr(record, name)


async def test_copies_outlive_a_reload_unless_their_time_changed() -> None:
    """A reload while the store was away once turned every known key into 503."""
    it = Ring(record_of())
    await it.ring.find(ID)
    it.store.mode = "down"
    it.ring.keep_for(fresh_s=60.0, stale_s=300.0)
    assert await it.status() == 200
    it.ring.keep_for(fresh_s=30.0, stale_s=300.0)
    assert it.ring.fresh(ID) is None
    assert await it.status() == 503


def team(**fields: object) -> TeamRecord:
    return msgspec.structs.replace(TeamRecord(id="t", created_at=0.0, updated_at=0.0), **fields)


def user(**fields: object) -> UserRecord:
    return msgspec.structs.replace(UserRecord(id="u", created_at=0.0, updated_at=0.0), **fields)


@pytest.mark.parametrize(
    ("home", "team_row", "user_row", "code"),
    [
        ({"team_id": "t"}, team(blocked=True), None, "blocked_team"),
        ({"team_id": "t"}, None, None, "blocked_team"),
        ({"user_id": "u"}, None, user(blocked=True), "blocked_user"),
        ({"team_id": "t", "user_id": "u"}, team(), user(blocked=True), "blocked_user"),
    ],
)
def test_a_key_falls_with_its_team_and_its_user(
    home: dict[str, object],
    team_row: TeamRecord | None,
    user_row: UserRecord | None,
    code: str,
) -> None:
    key = msgspec.structs.replace(record_of(), **home)
    refusal = judge(Standing(key=key, team=team_row, user=user_row), key.id, 0.0)
    assert isinstance(refusal, Unauthenticated)
    assert (refusal.http_status, refusal.error_code) == (401, code)


@pytest.mark.parametrize(
    ("models", "team_row", "user_row", "own", "within"),
    [
        ((), None, None, (), ()),
        (("a",), team(models=("b",)), user(models=("c",)), ("a",), (("b",),)),
        (("a",), None, user(models=("c",)), ("a",), (("c",),)),
        (("a",), team(), user(models=("c",)), ("a",), ()),
        (("all-team-models",), team(models=("b",)), None, (), (("b",),)),
        (("all-team-models",), None, None, ("all-team-models",), ()),
    ],
)
def test_a_team_bounds_its_keys_and_a_user_those_without_a_team(
    models: tuple[str, ...],
    team_row: TeamRecord | None,
    user_row: UserRecord | None,
    own: tuple[str, ...],
    within: tuple[tuple[str, ...], ...],
) -> None:
    key = record_of(models=models, team_id=team_row and "t", user_id=user_row and "u")
    principal = judge(Standing(key=key, team=team_row, user=user_row), key.id, 0.0)
    assert not isinstance(principal, Unauthenticated)
    assert (principal.models, principal.within) == (own, within)
