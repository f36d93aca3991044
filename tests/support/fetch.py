"""One HTTP request from a test, without any client library of the program under test."""

import asyncio
import http.client
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import msgspec

# asyncio's own would do six at a time on two cores: those who ask at once must be at it at once.
_THREADS = ThreadPoolExecutor(64, "fetch")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back; header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as plain values."""
        return msgspec.json.decode(self.body)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


async def fetch(
    url: str,
    *,
    method: str | None = None,
    json: object = None,
    body: bytes | None = None,
    key: str | None = None,
    headers: dict[str, str] | None = None,
    timeout_s: float = 60.0,
) -> Answer:
    """Ask; POST when there is a body. Raises OSError when nobody answers."""
    if json is not None:
        body = msgspec.json.encode(json)
    sent = dict(headers or {})
    if body is not None:
        sent.setdefault("content-type", "application/json")
    if key is not None:
        sent["authorization"] = f"Bearer {key}"
    verb = method or ("GET" if body is None else "POST")
    ask = partial(_fetch, url, verb, body, sent, timeout_s)
    return await asyncio.get_running_loop().run_in_executor(_THREADS, ask)


def _fetch(
    url: str, method: str, body: bytes | None, headers: dict[str, str], timeout_s: float
) -> Answer:
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    try:
        target = parts.path or "/"
        connection.request(
            method, f"{target}?{parts.query}" if parts.query else target, body, headers
        )
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(status=answer.status, headers=found, body=answer.read())
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()
