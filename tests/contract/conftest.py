"""Every implementation of a port, for the suites that run on all of them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.clock import FakeClock

from hx_gateway.core.ports import Counters, Store
from hx_gateway.store.counters_process import ProcessCounters
from hx_gateway.store.memory import MemoryStore
from hx_gateway.store.sqlite import SqliteStore


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made: Store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "hx.db")
    yield made
    await made.aclose()


@pytest.fixture(params=["process"])
async def counters(request: pytest.FixtureRequest) -> AsyncIterator[Counters]:
    made: Counters = ProcessCounters(FakeClock())
    yield made
    await made.aclose()
