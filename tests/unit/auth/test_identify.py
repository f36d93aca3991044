"""The door: who is let in, who is refused, and that no failure lets anybody in."""

import sys
from collections.abc import Mapping
from types import FrameType

import pytest
from tests.support.clock import FakeClock
from tests.support.keystore import (
    ADMIN_KEY,
    KEY,
    MASTER_KEY,
    SwitchedStore,
    gatekeeper,
    record_of,
)

from hx_gateway.auth.identify import MASTER, Gatekeeper
from hx_gateway.core.errors import DependencyError, GatewayError, Unauthenticated
from hx_gateway.core.principal import Principal, Scope
from hx_gateway.core.secret import Secret
from hx_gateway.core.snapshot import AuthSettings

SETTINGS = AuthSettings(master_key=Secret(MASTER_KEY), admin_keys=(Secret(ADMIN_KEY),))
Headers = dict[bytes, bytes]


def bearer(key: str) -> Headers:
    return {b"authorization": f"Bearer {key}".encode()}


def admin(key: str) -> Headers:
    return {b"x-hx-admin-key": key.encode()}


def gate(
    settings: AuthSettings = SETTINGS, *, mode: str = "up", store: SwitchedStore | None = None
) -> Gatekeeper:
    kept = store or SwitchedStore(record_of())
    kept.mode = mode
    return gatekeeper(settings, kept, FakeClock())


@pytest.mark.parametrize(
    ("headers", "key_id"),
    [
        (bearer(MASTER_KEY), "master"),
        (bearer(KEY), record_of().id),
        ({b"x-api-key": KEY.encode()}, record_of().id),
        (admin(ADMIN_KEY), "admin-header"),
        (bearer(KEY) | admin(ADMIN_KEY), record_of().id),
        (bearer(KEY) | admin("wrong"), record_of().id),
    ],
)
async def test_a_valid_credential_is_let_in(headers: Headers, key_id: str) -> None:
    assert (await gate().find(headers)).key_id == key_id


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer(KEY.upper()),
        bearer(KEY + "x"),
        bearer(KEY[:-1]),
        bearer(MASTER_KEY[:-1]),
        bearer(record_of().id),
        bearer("wrong"),
        bearer("sk-" + "x" * 300),
        bearer("master"),
        bearer(ADMIN_KEY),
        admin("wrong"),
        admin(""),
        admin(MASTER_KEY),
        bearer("wrong") | admin(ADMIN_KEY),
        {b"x-litellm-api-key": b"sk-wrong"} | bearer(KEY),
    ],
)
async def test_a_wrong_credential_is_401(headers: Headers) -> None:
    door = gate()
    assert door.known(headers) is None
    with pytest.raises(Unauthenticated) as refusal:
        await door.find(headers)
    for word in ("database", "PostgreSQL", "SQL", "table", "store"):
        assert word not in refusal.value.message


async def test_known_answers_at_once_after_the_first_time_and_for_the_master_key() -> None:
    door = gate()
    assert door.known(bearer(MASTER_KEY)) is MASTER
    assert door.known(bearer(KEY)) is None
    found = await door.find(bearer(KEY))
    assert door.known(bearer(KEY)) == found
    door.forget()
    assert door.known(bearer(KEY)) is None


@pytest.mark.parametrize("mode", ["down", "hung", "broken"])
async def test_the_master_key_works_whatever_the_store_does(mode: str) -> None:
    assert (await gate(mode=mode).find(bearer(MASTER_KEY))) is MASTER


@pytest.mark.parametrize("mode", ["down", "hung", "broken"])
async def test_a_malformed_key_is_401_without_the_store(mode: str) -> None:
    with pytest.raises(Unauthenticated):
        await gate(mode=mode).find(bearer("wrong"))


async def test_a_well_formed_key_in_an_outage_is_503_and_names_the_store() -> None:
    with pytest.raises(DependencyError, match="PostgreSQL"):
        await gate(mode="down").find(bearer(KEY))


@pytest.mark.parametrize("headers", [admin(""), admin("anything"), admin("None")])
async def test_the_admin_header_fails_closed_when_not_configured(headers: Headers) -> None:
    door = gate(AuthSettings(master_key=Secret(MASTER_KEY)))
    with pytest.raises(Unauthenticated):
        await door.find(headers)
    beside = await door.find(headers | bearer(KEY))
    assert not beside.has_scope(Scope.RAG_WRITE)


async def test_an_empty_configured_secret_matches_nothing() -> None:
    door = gate(AuthSettings(master_key=Secret(""), admin_keys=(Secret(""),)))
    for headers in (admin(""), {b"authorization": b"Bearer "}, {b"x-api-key": b""}):
        with pytest.raises(Unauthenticated):
            await door.find(headers)


async def test_the_admin_header_adds_write_and_nothing_else() -> None:
    plain = await gate().find(bearer(KEY))
    beside = await gate().find(bearer(KEY) | admin(ADMIN_KEY))
    assert beside.scopes - plain.scopes == {Scope.RAG_WRITE}
    alone = await gate().find(admin(ADMIN_KEY))
    assert alone.scopes == {Scope.RAG_READ, Scope.RAG_WRITE}


async def test_the_write_scope_of_one_request_does_not_stay_with_the_key() -> None:
    door = gate()
    await door.find(bearer(KEY) | admin(ADMIN_KEY))
    assert not (await door.find(bearer(KEY))).has_scope(Scope.RAG_WRITE)
    again = door.known(bearer(KEY))
    assert again is not None
    assert not again.has_scope(Scope.RAG_WRITE)


async def test_two_keys_with_a_long_equal_beginning_are_two_callers() -> None:
    one, other = "sk-" + "a" * 100 + "1", "sk-" + "a" * 100 + "2"
    door = gate(store=SwitchedStore(record_of(one, alias="one"), record_of(other, alias="other")))
    assert (await door.find(bearer(one))).alias == "one"
    assert (await door.find(bearer(other))).alias == "other"


async def test_a_configured_header_is_read_first() -> None:
    door = gate(AuthSettings(master_key=Secret(MASTER_KEY), key_header=b"x-own"))
    assert await door.find({b"x-own": MASTER_KEY.encode()} | bearer(KEY)) is MASTER


class Fault(BaseException):
    """Something that nobody expects and nobody may swallow."""


class Saboteur:
    """Raises at the nth executed line of the auth package."""

    def __init__(self, nth: int, error: type[BaseException]) -> None:
        self.left = nth
        self.error = error
        self.struck = False

    def __call__(self, frame: FrameType, event: str, arg: object) -> "Saboteur | None":
        if "hx_gateway/auth/" not in frame.f_code.co_filename:
            return None
        if event == "line":
            self.left -= 1
            if self.left == 0:
                self.struck = True
                raise self.error
        return self


@pytest.mark.parametrize("error", [RuntimeError, KeyError, Fault])
@pytest.mark.parametrize(
    ("headers", "key_id"),
    [
        (bearer(KEY), record_of().id),
        (bearer(MASTER_KEY), "master"),
        (admin(ADMIN_KEY), "admin-header"),
        (bearer("sk-wrong"), None),
        (bearer("wrong") | admin(ADMIN_KEY), None),
        (admin("wrong"), None),
    ],
    ids=["key", "master", "admin", "wrong key", "malformed", "wrong admin"],
)
async def test_no_failure_inside_becomes_an_identity(
    headers: Headers, key_id: str | None, error: type[BaseException]
) -> None:
    """A fault at each line in turn: nobody is let in as anybody else than who they are."""
    found = await identities_under_faults(Gatekeeper, headers, error)
    assert set(found) <= {key_id, None}
    assert found[-1] == key_id, "without a fault it works"


class Careless(Gatekeeper):
    """Lets people in when it cannot tell: what the sweep is there to find."""

    async def find(self, headers: Mapping[bytes, bytes]) -> Principal:
        try:
            return await super().find(headers)
        except Exception:  # noqa: BLE001
            return MASTER


async def test_the_sweep_finds_a_door_that_fails_open() -> None:
    assert "master" in await identities_under_faults(Careless, bearer(KEY), RuntimeError)


async def identities_under_faults(
    kind: type[Gatekeeper], headers: Headers, error: type[BaseException]
) -> list[str | None]:
    """Collect who was let in, with a fault at the first line, the second, ... and with none."""
    found: list[str | None] = []
    for nth in range(1, 400):
        door = gatekeeper(SETTINGS, SwitchedStore(record_of()), FakeClock(), kind)
        saboteur = Saboteur(nth, error)
        before = sys.gettrace()
        sys.settrace(saboteur)
        try:
            found.append((door.known(headers) or await door.find(headers)).key_id)
        except (error, GatewayError):
            found.append(None)
        finally:
            sys.settrace(before)
        if not saboteur.struck:
            return found
    raise AssertionError("the sweep did not reach the last line")


async def test_a_pass_is_for_who_comes_again_with_the_same_headers() -> None:
    store = SwitchedStore(record_of())
    door = gate(store=store)
    assert door.pass_of(bearer(KEY)) is None  # nobody was asked yet
    principal = await door.find(bearer(KEY))
    pass_ = door.pass_of(bearer(KEY))
    assert pass_ is not None
    assert pass_.principal is principal
    assert pass_.holds()
    door.forget()  # a right may have been taken away
    assert not pass_.holds()
    assert door.pass_of(bearer(KEY)) is None


async def test_a_pass_expires_with_its_key() -> None:
    clock = FakeClock()
    store = SwitchedStore(record_of(expires_at=clock.now() + 5))
    door = gatekeeper(SETTINGS, store, clock)
    await door.find(bearer(KEY))
    pass_ = door.pass_of(bearer(KEY))
    assert pass_ is not None
    assert pass_.holds()
    clock.advance(6)
    assert not pass_.holds()


async def test_the_master_key_has_a_pass_and_its_neighbours_have_none() -> None:
    door = gate()
    pass_ = door.pass_of(bearer(MASTER_KEY))
    assert pass_ is not None
    assert pass_.principal is MASTER
    assert pass_.holds()
    await door.find(bearer(KEY))
    for headers in ({}, bearer("wrong"), bearer(KEY) | admin(ADMIN_KEY), admin(ADMIN_KEY)):
        assert door.pass_of(headers) is None
    await door.find({b"x-api-key": KEY.encode()})
    assert door.pass_of({b"x-api-key": KEY.encode()}) is None  # only Authorization is remembered
