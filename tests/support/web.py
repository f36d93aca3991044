"""Ask a web application in process, as a client would."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec
from tests.support.clock import FakeClock
from tests.support.keystore import ADMIN_KEY, KEY, MASTER_KEY, SwitchedStore, gatekeeper
from tests.support.told import told

from hx_gateway.core.http import Request
from hx_gateway.core.secret import Secret
from hx_gateway.core.snapshot import AuthSettings, ServerSettings
from hx_gateway.web.application import WebApplication
from hx_gateway.web.endpoint import Endpoint

SETTINGS = AuthSettings(master_key=Secret(MASTER_KEY), admin_keys=(Secret(ADMIN_KEY),))


class Answer(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return msgspec.json.decode(self.body)

    @property
    def error(self) -> Any:
        """The error of the envelope."""
        return self.json["error"]


class Browser:
    """Asks endpoints behind a real gatekeeper; without another key as the master."""

    def __init__(self, store: SwitchedStore, clock: FakeClock | None = None) -> None:
        self.store = store
        self.clock = clock or FakeClock()
        self.gate = gatekeeper(SETTINGS, store, self.clock)

    def open(self, endpoints: Sequence[Endpoint]) -> "Browser":
        """Visit these endpoints from now on."""
        self._application = WebApplication(endpoints, self.gate, ServerSettings())
        return self

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = MASTER_KEY,
        **query: object,
    ) -> Answer:
        """Send one request."""
        headers = {} if key is None else {b"authorization": f"Bearer {key}".encode()}
        content = b"" if body is None else msgspec.json.encode(body)
        response = await self._application.answer(
            Request(method, path, urlencode(query), headers, body=content)
        )
        whole = response.body
        if response.chunks is not None:
            whole = b"".join([chunk async for chunk in response.chunks])
            await response.chunks.aclose()
        named = {name.decode(): value.decode() for name, value in told(response).items()}
        return Answer(response.status, named, whole)

    async def get(self, path: str, *, key: str | None = MASTER_KEY, **query: object) -> Answer:
        """GET a path."""
        return await self.ask("GET", path, key=key, **query)

    async def post(self, path: str, body: object, *, key: str | None = MASTER_KEY) -> Answer:
        """POST a value as JSON."""
        return await self.ask("POST", path, body, key=key)


__all__ = ["ADMIN_KEY", "KEY", "MASTER_KEY", "Answer", "Browser"]
