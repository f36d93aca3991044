"""What holds for every test."""

import gc
import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from tests.support.absent import absent
from tests.support.pgbouncer import Pooler, is_installed, pgbouncer_before
from tests.support.postgres import PostgresServer, postgres_server

# The same examples in every run, at any speed of the machine: a run says something of the change,
# not of the day. `HYPOTHESIS_PROFILE=explore` looks for new ones.
settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for all; a test that kills or hangs it must leave it running."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def pooler(postgres: PostgresServer) -> Iterator[Pooler]:
    """PgBouncer before the server, in transaction mode."""
    if not is_installed():
        absent("pgbouncer")
    with pgbouncer_before(postgres) as pooler:
        yield pooler


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Let a test that failed drop what it held open before its report ends.

    Its traceback keeps sockets and files alive until the next test that fails; their warnings would
    then fail that one, or whichever runs when the collector comes by.
    """
    if not hasattr(sys, "last_value"):  # as pytest leaves it when the test passed
        return
    for name in ("last_exc", "last_type", "last_value", "last_traceback"):
        if hasattr(sys, name):
            delattr(sys, name)
    gc.collect()
