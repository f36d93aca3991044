"""Every implementation of a port, for the suites that run on all of them.

The servers start once a session; a test that kills or hangs one must leave it running.
"""

from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import msgspec
import pytest
from tests.support.absent import absent
from tests.support.clock import FakeClock
from tests.support.migrations import upgrade
from tests.support.postgres import PostgresServer
from tests.support.valkey import ValkeyServer, search_module, valkey_server
from tests.support.valkey_sets import Cluster, valkey_cluster

from hx_gateway.core.answers import Answers
from hx_gateway.core.clock import SystemClock
from hx_gateway.core.ports import Counters, Store
from hx_gateway.core.secret import Secret
from hx_gateway.core.snapshot import RedisSettings, StoreSettings
from hx_gateway.store.answers_disk import DiskAnswers
from hx_gateway.store.answers_process import ProcessAnswers
from hx_gateway.store.answers_redis import RedisAnswers
from hx_gateway.store.counters_process import ProcessCounters
from hx_gateway.store.counters_redis import RedisCounters
from hx_gateway.store.memory import MemoryStore
from hx_gateway.store.postgres import PostgresStore
from hx_gateway.store.sqlite import SqliteStore

_numbers = count()


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with valkey_cluster() as made:
        yield made


@pytest.fixture(scope="session")
def searching_valkey() -> Iterator[ValkeyServer]:
    """Valkey with the module RediSearch."""
    module = search_module()
    if module is None:
        absent("RediSearch")
    with valkey_server(module) as server:
        yield server


@pytest.fixture
def settings(postgres: PostgresServer) -> StoreSettings:
    """A fresh schema name in the one database; nothing is in it yet."""
    url = Secret(postgres.url("contract"))
    return StoreSettings(
        url=url, schema=f"test {next(_numbers)}", pool=4, query_timeout=30.0, connect_timeout=30.0
    )


@pytest.fixture(
    params=[
        "memory",
        "sqlite",
        "postgres",
        "pooled",
        pytest.param("pgbouncer", marks=pytest.mark.slow),
    ]
)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made: Store
    match request.param:
        case "memory":
            made = MemoryStore()
        case "sqlite":
            made = SqliteStore(tmp_path / "hx.db")
        case kind:
            settings: StoreSettings = request.getfixturevalue("settings")
            if kind != "postgres":
                settings = msgspec.structs.replace(settings, prepared_statements=False)
            if kind == "pgbouncer":
                url = Secret(request.getfixturevalue("pooler").url("contract"))
                settings = msgspec.structs.replace(settings, url=url)
            await upgrade(settings)
            made = PostgresStore(settings)
    yield made
    await made.aclose()


@pytest.fixture(params=["process", "valkey", "cluster"])
async def counters(request: pytest.FixtureRequest) -> AsyncIterator[Counters]:
    made: Counters
    if request.param == "process":
        made = ProcessCounters(FakeClock())
    else:
        server: ValkeyServer | Cluster = request.getfixturevalue(request.param)
        settings = RedisSettings(url=Secret(server.url()), timeout=30.0)
        made = RedisCounters(settings, prefix=f"test{next(_numbers)}:")
    yield made
    await made.aclose()


@pytest.fixture(params=["process", "disk", "valkey", "cluster"])
async def answers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Answers]:
    made: Answers
    match request.param:
        case "process":
            made = ProcessAnswers(SystemClock(), 1 << 20)
        case "disk":
            made = DiskAnswers(tmp_path / "answers", SystemClock(), 1 << 20)
        case _:
            server: ValkeyServer | Cluster = request.getfixturevalue(request.param)
            settings = RedisSettings(url=Secret(server.url()), timeout=30.0)
            made = RedisAnswers(settings, f"test{next(_numbers)}")
    yield made
    await made.flush()
    await made.aclose()
