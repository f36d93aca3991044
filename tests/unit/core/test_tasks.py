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
    await asyncio.wait_for(done.wait(), 30)


async def test_a_failure_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        raise ValueError("broken")

    task = spawn(work(), name="work")
    with caplog.at_level(logging.ERROR):
        await asyncio.wait((task,))
        await asyncio.sleep(0)
    assert "work" in caplog.text


async def test_a_failure_that_is_expected_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    """Every refused stream once left a traceback in the log."""

    async def work(error: Exception) -> None:
        raise error

    with caplog.at_level(logging.ERROR):
        quiet = spawn(work(KeyError()), name="quiet", expected=(KeyError,))
        loud = spawn(work(ValueError()), name="loud", expected=(KeyError,))
        await asyncio.wait((quiet, loud))
        await asyncio.sleep(0)
    assert "loud" in caplog.text
    assert "quiet" not in caplog.text
