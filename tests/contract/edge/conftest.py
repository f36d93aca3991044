"""The edge runs on uvloop, as in production."""

from collections.abc import Mapping

import pytest
import uvloop
from pytest_asyncio import plugin


@pytest.hookimpl
def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, "plugin.LoopFactory"]:
    return {"uvloop": uvloop.new_event_loop}
