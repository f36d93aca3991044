"""Background tasks are kept and their failures are heard."""

import asyncio
import gc
import logging

import pytest

from hx_gateway.core.tasks import spawn


async def test_a_spawned_task_survives_without_a_reference() -> None:
    done = asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(0)
        done.set()

    _ = spawn(work(), name="work")
    del _
    gc.collect()
    await asyncio.wait_for(done.wait(), 1)


async def test_a_failure_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        raise ValueError("broken")

    task = spawn(work(), name="work")
    with caplog.at_level(logging.ERROR):
        await asyncio.wait((task,))
        await asyncio.sleep(0)
    assert "work" in caplog.text
