"""A client that reads a stream byte by byte as it is on the wire, and says what a reader makes of it."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import msgspec
from tests.support.served import MASTER_KEY

from hx_gateway.dialects.sse import SseParser

PATHS = {
    "openai_chat": "/v1/chat/completions",
    "openai_completions": "/v1/completions",
    "openai_embeddings": "/v1/embeddings",
    "anthropic_messages": "/v1/messages",
    "openai_responses": "/v1/responses",
}


def question(dialect: str, model: str, prompt: str, *, stream: bool = True) -> dict[str, Any]:
    """Make the body of a request."""
    body: dict[str, Any] = {"model": model}
    match dialect:
        case "openai_responses":
            body |= {"input": prompt, "store": False}
        case "openai_embeddings":
            return body | {"input": prompt}
        case "openai_completions":
            body |= {"prompt": prompt}
        case _:
            body |= {"messages": [{"role": "user", "content": prompt}]}
    if dialect == "anthropic_messages":
        body["max_tokens"] = 100
    return body | {"stream": stream} if stream else body


def request_bytes(dialect: str, body: dict[str, Any], *, close: bool = True) -> bytes:
    """Write a request with the master key."""
    payload = msgspec.json.encode(body)
    head = (
        f"POST {PATHS[dialect]} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {MASTER_KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n"
        f"{'Connection: close' if close else 'X-Kept: yes'}\r\n\r\n"
    )
    return head.encode() + payload


class Told(msgspec.Struct, kw_only=True):
    """What a client was told. `is_whole`: the body came to its proper end."""

    status: int
    is_whole: bool
    text: str = ""
    errors: list[dict[str, Any]] = []
    is_complete: bool = False
    after_error: int = 0
    raw: bytes = b""


async def ask(
    port: int,
    dialect: str,
    body: dict[str, Any],
    begun: Callable[[], None] | None = None,
    mark: bytes = b"",
) -> Told:
    """Ask and read to the end.

    `begun` is called when the first bytes of a 200 are there, and the mark is among those so far.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request_bytes(dialect, body))
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        raw = await reader.read(65536)
        while begun is not None and mark not in raw and not reader.at_eof():
            raw += await reader.read(65536)
        if status == 200 and begun is not None:
            begun()
        rest = await reader.read(-1)
    finally:
        writer.close()
    return read(status, head, raw + rest, dialect)


def read(status: int, head: bytes, raw: bytes, dialect: str) -> Told:
    """Say what an answer means."""
    if re.search(rb"transfer-encoding: *chunked", head, re.IGNORECASE):
        data, is_whole = unchunk(raw)
    else:
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        data, is_whole = raw, length is not None and int(length[1]) == len(raw)
    told = Told(status=status, is_whole=is_whole, raw=data)
    if status == 200:
        for name, payload in SseParser().feed(data):
            _note(told, dialect, name, payload)
    else:
        told.errors = [msgspec.json.decode(data)["error"]]
    return told


def unchunk(raw: bytes) -> tuple[bytes, bool]:
    """Undo chunked framing; tells whether its end was there."""
    data = b""
    while raw:
        line, found, raw = raw.partition(b"\r\n")
        size = int(line, 16) if found else -1
        if size <= 0:
            return data, size == 0 and raw == b"\r\n"
        data, raw = data + raw[:size], raw[size + 2 :]
    return data, False


def _note(told: Told, dialect: str, name: bytes, payload: bytes) -> None:
    told.after_error += bool(told.errors)
    if payload == b"[DONE]":
        told.is_complete = True
        return
    event = msgspec.json.decode(payload)
    kind = event.get("type", "")
    assert dialect in {"openai_chat", "openai_completions"} or name.decode() == kind
    if kind == "error":
        told.errors.append(event.get("error", event))
    elif "error" in event:
        told.errors.append(event["error"])
    told.is_complete |= kind in {"message_stop", "response.completed", "response.incomplete"}
    if kind == "content_block_delta":
        told.text += event["delta"].get("text", "")
    elif kind == "response.output_text.delta":
        told.text += event["delta"]
    for choice in event.get("choices") or ():
        told.text += (choice.get("delta") or {}).get("content") or choice.get("text") or ""
