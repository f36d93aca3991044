"""What only the PostgreSQL store must keep to: outages, schemas, poolers, passwords."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest
from tests.support.migrations import OWN, step, upgrade
from tests.support.postgres import PASSWORD, PostgresServer
from tests.support.records import key_id, key_record

from hx_gateway.core.errors import DependencyError
from hx_gateway.core.ports import KeyFilter
from hx_gateway.core.secret import Secret
from hx_gateway.core.snapshot import StoreSettings
from hx_gateway.store.migrate.plan import LEDGER
from hx_gateway.store.postgres import PostgresStore
from hx_gateway.store.postgres_pool import connect

DEADLINE_S = 0.5
SLACK_S = 5.0  # the machine may be busy
PATIENT_S = 30.0  # longer than anything takes that works


@pytest.fixture
async def current(settings: StoreSettings) -> StoreSettings:
    """A schema that is current."""
    await upgrade(settings)
    return settings


@pytest.fixture
async def own(current: StoreSettings) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(current)
    await store.insert_key(key_record())
    yield store
    await store.aclose()


@pytest.fixture
async def hasty(own: PostgresStore, current: StoreSettings) -> AsyncIterator[PostgresStore]:
    """A store with short deadlines, connected."""
    store = PostgresStore(
        msgspec.structs.replace(current, query_timeout=DEADLINE_S, connect_timeout=DEADLINE_S)
    )
    await heal(store)
    yield store
    await store.aclose()


@pytest.fixture
def server(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """The server, up again at the end whatever a test did to it."""
    yield postgres
    postgres.restart()


async def execute(settings: StoreSettings, sql: str, *values: object) -> None:
    connection = await connect(settings)
    try:
        await connection.execute(sql, *values)
    finally:
        await connection.close(timeout=30)


async def refusal(store: PostgresStore) -> tuple[DependencyError, float]:
    """Ask for a key; gives the error and the seconds until it came."""
    begun = time.monotonic()
    with pytest.raises(DependencyError) as caught:
        await store.get_key(key_id())
    return caught.value, time.monotonic() - begun


async def heal(store: PostgresStore) -> None:
    """Ask until it answers."""
    async with asyncio.timeout(PATIENT_S):
        while True:
            try:
                assert await store.get_key(key_id()) == key_record()
                break
            except DependencyError:
                await asyncio.sleep(0.02)


async def is_well(store: PostgresStore) -> None:
    """Ping until it is."""
    async with asyncio.timeout(PATIENT_S):
        while True:
            try:
                await store.ping()
                break
            except DependencyError:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("break_", "mend"),
    [("kill", "restart"), ("stop", "cont")],
    ids=["killed", "hung"],
)
async def test_an_outage_is_an_error_in_time_and_heals_by_itself(
    hasty: PostgresStore,
    server: PostgresServer,
    break_: str,
    mend: str,
) -> None:
    getattr(server, break_)()
    for _ in range(4):
        error, seconds = await refusal(hasty)
        assert error.role == "PostgreSQL"
        assert seconds < DEADLINE_S + SLACK_S
    # The breaker is open: slow is worse than down.
    assert min([(await refusal(hasty))[1] for _ in range(5)]) < 0.05
    await asyncio.to_thread(getattr(server, mend))
    await heal(hasty)
    await is_well(hasty)


async def test_many_calls_in_an_outage_all_end_in_time(
    hasty: PostgresStore, server: PostgresServer
) -> None:
    server.stop()
    begun = time.monotonic()
    calls = (hasty.get_key(key_id()) for _ in range(100))
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(result, DependencyError) for result in results)
    assert time.monotonic() - begun < DEADLINE_S + SLACK_S
    server.cont()
    await heal(hasty)


async def test_it_starts_before_the_server_does(
    current: StoreSettings, server: PostgresServer
) -> None:
    server.kill()
    store = PostgresStore(current)
    error, _ = await refusal(store)
    assert error.role == "PostgreSQL"
    await asyncio.to_thread(server.restart)
    await is_well(store)
    await store.aclose()


async def test_the_first_call_waits_for_the_first_connection(current: StoreSettings) -> None:
    store = PostgresStore(current)
    assert await store.get_key(key_id()) is None
    await store.aclose()


async def test_cancelled_calls_give_their_connections_back(own: PostgresStore) -> None:
    for _ in range(20):
        call = asyncio.ensure_future(own.get_key(key_id()))
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    assert await own.get_key(key_id()) == key_record()


async def test_more_calls_than_connections_wait_their_turn(own: PostgresStore) -> None:
    found = await asyncio.gather(*(own.get_key(key_id()) for _ in range(40)))
    assert found == [key_record()] * 40


async def test_closing_ends_even_when_the_server_hangs(
    own: PostgresStore, server: PostgresServer
) -> None:
    server.stop()
    await asyncio.wait_for(own.aclose(), 20)


async def test_a_schema_that_is_missing_is_named_and_never_made(
    settings: StoreSettings,
) -> None:
    store = PostgresStore(settings)
    with pytest.raises(DependencyError) as caught:
        await store.ping()
    assert caught.value.error_code == "schema_missing"
    assert "schema missing" in caught.value.message
    error, _ = await refusal(store)
    assert error.error_code == "schema_missing"
    await upgrade(settings)
    await is_well(store)
    assert await store.list_keys(KeyFilter()) == ([], 0)
    await store.aclose()


FUTURE = f"INSERT INTO {LEDGER} VALUES ($1, 'x', 1, 1)"


@pytest.mark.parametrize(
    ("damage", "values", "code"),
    [
        (f"DELETE FROM {LEDGER} WHERE name >= $1", (OWN[0].name,), "schema_ledger_missing"),
        (FUTURE, ("9999_post_future",), "schema_newer"),
        (FUTURE, ("9999_pre_future",), None),  # the next release is being rolled out
        (f"UPDATE {LEDGER} SET finished_at = $1", (None,), "schema_half_written"),
        (f"UPDATE {LEDGER} SET checksum = $1", ("x",), "schema_changed"),
    ],
)
async def test_a_schema_that_does_not_fit_is_named(
    current: StoreSettings, damage: str, values: tuple[object, ...], code: str | None
) -> None:
    await execute(current, damage, *values)
    store = PostgresStore(current)
    try:
        if code is None:
            await store.ping()
        else:
            with pytest.raises(DependencyError) as caught:
                await store.ping()
            assert caught.value.error_code == code
    finally:
        await store.aclose()


async def test_a_schema_that_lacks_a_step_is_outdated(current: StoreSettings) -> None:
    store = PostgresStore(current, known=[*OWN, step("0900_pre_more")])
    with pytest.raises(DependencyError) as caught:
        await store.ping()
    assert caught.value.error_code == "schema_outdated"
    await store.aclose()


async def test_a_step_for_after_the_rollout_does_not_stop_serving(current: StoreSettings) -> None:
    store = PostgresStore(current, known=[*OWN, step("0900_post_less")])
    await store.ping()
    await store.aclose()


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ("password", "PostgreSQL refuses the user name or the password."),
        ("database", "PostgreSQL has no such database."),
        ("port", "PostgreSQL cannot be reached."),
    ],
)
async def test_a_wrong_address_is_explained_without_showing_it(
    postgres: PostgresServer, wrong: str, text: str
) -> None:
    url = postgres.url("contract", password="canary-1" if wrong == "password" else PASSWORD)
    if wrong == "database":
        url = url.replace("/contract", "/canary-2")
    if wrong == "port":
        url = url.replace(f":{postgres.port}/", ":1/")
    store = PostgresStore(StoreSettings(url=Secret(url)))
    error, _ = await refusal(store)
    assert error.message == text
    await store.aclose()
