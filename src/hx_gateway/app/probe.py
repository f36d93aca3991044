"""Asks a running gateway how it is, over HTTP, as any client would."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any

import msgspec

from hx_gateway.core import wire
from hx_gateway.core.errors import UpstreamError
from hx_gateway.core.http import JSON_TYPE, Deadlines, Exchange, HttpRequest, Origin
from hx_gateway.core.secret import Secret
from hx_gateway.dialects.ndjson import LineParser
from hx_gateway.transport.client import Client

DEADLINES = Deadlines(connect=2.0, first_byte=60.0, idle=60.0, total=120.0)
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - asked, not bound


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway answered; `value` is its JSON, None when it is none."""

    status: int
    value: Any


class Caller:
    """A client of one gateway. `key` None: asks without a credential."""

    def __init__(self, client: Client, origin: Origin, key: Secret | None) -> None:
        """Connects nowhere yet."""
        self._client = client
        self._origin = origin
        self._key = key

    async def ask(self, path: str, body: object = None, deadlines: Deadlines = DEADLINES) -> Said:
        """GET, or POST when there is a body; raises UpstreamError when nobody answers."""
        answer = await self._send(path, body, deadlines)
        try:
            return Said(status=answer.status, value=_json(await answer.read()))
        finally:
            answer.close()

    async def lines(
        self, path: str, body: object, deadlines: Deadlines = DEADLINES
    ) -> AsyncGenerator[Said, None]:
        """POST, and give each line of the answer as it comes."""
        answer = await self._send(path, body, deadlines)
        parser = LineParser()
        try:
            while data := await answer.receive():
                for line in parser.feed(data):
                    yield Said(status=answer.status, value=_json(line))
            for line in parser.end():
                yield Said(status=answer.status, value=_json(line))
        finally:
            answer.close()

    async def _send(self, path: str, body: object, deadlines: Deadlines) -> Exchange:
        headers = [JSON_TYPE]
        if self._key is not None:
            headers.append((b"authorization", f"Bearer {self._key.reveal()}".encode()))
        request = HttpRequest(
            method="GET" if body is None else "POST",
            path=path,
            headers=tuple(headers),
            body=b"" if body is None else wire.encode(body),
        )
        return await self._client.send(self._origin, request, deadlines)


def origin_of(host: str, port: int, *, speaks_tls: bool) -> Origin:
    """Say where a gateway that listens there is asked.

    On this machine its certificate is not looked at: it is for the name that others know.
    """
    plain = Origin(
        scheme="https" if speaks_tls else "http", host=ANYWHERE.get(host, host), port=port
    )
    return msgspec.structs.replace(plain, verify_tls=not plain.is_local)


@asynccontextmanager
async def calling(origin: Origin, key: Secret | None = None) -> AsyncIterator[Caller]:
    """Give a caller of the gateway that is there; closes its connections afterwards."""
    client = Client()
    try:
        yield Caller(client, origin, key)
    finally:
        await client.aclose()


class Phase(StrEnum):
    """How a gateway stands. Only SERVING is well."""

    PREPARING = "preparing"
    SCHEMA_MISSING = "schema-missing"
    SERVING = "serving"
    DEGRADED = "degraded"
    DRAINING = "draining"
    STOPPED = "stopped"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One word, and what it is about."""

    phase: Phase
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.phase}: {self.detail}" if self.detail else str(self.phase)


async def read_standing(caller: Caller) -> Standing:
    """Ask `/readyz`; whoever does not answer is stopped."""
    try:
        said = await caller.ask("/readyz")
    except UpstreamError:
        return Standing(phase=Phase.STOPPED)
    return standing_of(said)


def standing_of(said: Said) -> Standing:
    """Understand an answer of `/readyz`, also the one given before the gateway is assembled."""
    value = said.value if isinstance(said.value, dict) else {}
    if "phase" in value:
        return Standing(phase=Phase.PREPARING, detail=str(value["phase"]))
    if value.get("status") == "draining":
        return Standing(phase=Phase.DRAINING)
    missing = [str(name) for name in value.get("missing", ())]
    if any("schema missing" in str(check.get("detail")) for check in value.get("checks", ())):
        return Standing(phase=Phase.SCHEMA_MISSING)
    if missing:
        return Standing(phase=Phase.DEGRADED, detail=", ".join(missing))
    if said.status != 200:
        return Standing(phase=Phase.DEGRADED, detail=f"readiness answers {said.status}")
    return Standing(phase=Phase.SERVING)


def _json(body: bytes) -> Any:
    try:
        return wire.decode_any(body)
    except msgspec.DecodeError:
        return None
