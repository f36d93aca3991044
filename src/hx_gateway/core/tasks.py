"""Background tasks that are neither lost nor silent."""

import asyncio
import logging
from collections.abc import Coroutine
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")  # PEP 695 needs 3.12; 3.11 is supported

_log = logging.getLogger(__name__)
# The event loop keeps only weak references to tasks (asyncio.create_task documentation).
_alive: set[asyncio.Task[Any]] = set()


def spawn(
    work: Coroutine[Any, Any, T], *, name: str, expected: tuple[type[Exception], ...] = ()
) -> asyncio.Task[T]:
    """Run a coroutine in the background: keep a reference, log its failure.

    `expected` are failures that whoever waits for the task deals with: they are no news.
    """
    task = asyncio.get_running_loop().create_task(work, name=name)
    _alive.add(task)
    task.add_done_callback(partial(_finished, expected))
    return task


def _finished(expected: tuple[type[Exception], ...], task: asyncio.Task[Any]) -> None:
    _alive.discard(task)
    if task.cancelled() or (error := task.exception()) is None or isinstance(error, expected):
        return
    _log.error("task %s failed", task.get_name(), exc_info=error)
