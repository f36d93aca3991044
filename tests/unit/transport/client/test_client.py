from collections.abc import AsyncIterator

import pytest

from hx_gateway.core.errors import InvalidRequest, Unreachable
from hx_gateway.core.http import Deadlines, HttpRequest, Origin, Sender
from hx_gateway.transport.client import Client

UPSTREAM = Origin(host="upstream")


class Body:
    """A body in pieces; knows whether it was closed."""

    closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"x"

    async def aclose(self) -> None:
        self.closed = True


async def test_refused_request_closes_its_body_and_connects_nowhere() -> None:
    client: Sender = Client()
    body = Body()
    request = HttpRequest(path="/", headers=((b"a", b"b\r\nc: d"),), stream=body)
    with pytest.raises(InvalidRequest):
        await client.send(UPSTREAM, request, Deadlines())
    assert body.closed


async def test_closed_client_sends_nothing() -> None:
    client = Client()
    await client.aclose()
    await client.aclose()
    with pytest.raises(Unreachable):
        await client.send(UPSTREAM, HttpRequest(path="/"), Deadlines())
    client.forget(UPSTREAM)
    assert client.connections == {}
