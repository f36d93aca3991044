import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from hx_gateway.transport.client import Client


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop the gateway runs on, and the standard one, whose order of callbacks differs."""
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    client = Client()
    yield client
    await client.aclose()
