"""A scripted upstream that speaks OpenAI's HTTP API on loopback, well or badly as it is told.

Wire format: https://platform.openai.com/docs/api-reference (chat, completions, embeddings, models).
"""

import asyncio
import base64
import gzip
import re
import struct
from collections import deque
from enum import StrEnum
from typing import Any

import msgspec
from tests.support.listener import Asked, Listener, Wire
from tests.support.vectors import embed

EXACTLY = "Return exactly the text: "
CREATED = 1_700_000_000


class Mode(StrEnum):
    """How the upstream behaves. `down` is a method: it stops listening."""

    WELL = "well"
    HANG = "hang"  # takes the request, never answers
    FAIL = "fail"  # answers `status` with an error body
    NOT_HTTP = "not_http"  # bytes that are no HTTP answer
    GARBAGE = "garbage"  # 200 with a body that is not JSON
    EMPTY_BODY = "empty_body"  # 200 with nothing
    CUT_BODY = "cut_body"  # promises more bytes than it sends
    EMPTY_VECTOR = "empty_vector"
    SHORT_COUNT = "short_count"  # fewer vectors than inputs
    GZIP = "gzip"  # compresses although asked not to
    ERROR_FIRST = "error_first"  # a stream whose first event is an error
    ERROR_MIDWAY = "error_midway"  # ... or a later one
    RESET_MIDWAY = "reset_midway"  # a stream that ends with RST
    CUT_MIDWAY = "cut_midway"  # ... with FIN in the middle of a chunked body
    NO_DONE = "no_done"  # ... with a proper end of the body, but no `[DONE]`
    STALL_MIDWAY = "stall_midway"  # ... that stays open and silent


MIDWAY = {
    Mode.ERROR_MIDWAY,
    Mode.RESET_MIDWAY,
    Mode.CUT_MIDWAY,
    Mode.NO_DONE,
    Mode.STALL_MIDWAY,
}


class Upstream(Listener):
    """One upstream. Set `mode` for all requests to come, or `script` for the next ones in turn.

    `delay_s` passes before each answer, `pace_s` between the events of a stream, which wait for
    `gate` after their first one. Every request is
    in `asked`. Chat answers the text after "Return exactly the text: " in the last user message,
    or what `reply` says; a stream sends it word by word, after event number `break_after` a broken
    mode breaks it.
    """

    def __init__(self, *, dimension: int = 384, models: tuple[str, ...] = ("scripted",)) -> None:
        """Behaves well until told otherwise."""
        super().__init__(self._handle)
        self.dimension = dimension
        self.models = models
        self.mode = Mode.WELL
        self.script: deque[Mode] = deque()
        self.status = 500
        self.error: dict[str, Any] = {"message": "it broke", "type": "server_error", "code": None}
        self.error_headers: dict[str, str] = {}
        self.delay_s = 0.0
        self.pace_s = 0.0
        self.gate = asyncio.Event()
        self.gate.set()
        self.break_after = 2
        self.reply: str | None = None
        self.message: dict[str, Any] | None = None
        self.finish_reason = "stop"

    @property
    def base_url(self) -> str:
        """What goes into `api_base`."""
        return f"{self.url}/v1"

    @property
    def bodies(self) -> list[Any]:
        """The JSON bodies of all requests that had one."""
        return [asked.json() for asked in self.asked if asked.body]

    async def down(self) -> None:
        """Stop listening; connections are refused until `up`."""
        await self.stop()

    async def up(self) -> None:
        """Listen again on the same port."""
        await self.start()

    async def _handle(self, asked: Asked, wire: Wire) -> None:
        mode = self.script.popleft() if self.script else self.mode
        await asyncio.sleep(self.delay_s)
        match mode:
            case Mode.HANG:
                await asyncio.Event().wait()
            case Mode.FAIL:
                await wire.json({"error": self.error}, self.status, self.error_headers)
            case Mode.NOT_HTTP:
                await wire.raw(b"\x00\x01 this is not HTTP\r\n\r\n")
                wire.close()
            case Mode.GARBAGE:
                await wire.answer(200, b"<html>not JSON</html>")
            case Mode.EMPTY_BODY:
                await wire.answer(200, b"")
            case Mode.CUT_BODY:
                await wire.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{")
                wire.close()
            case _:
                await self._route(asked, wire, mode)

    async def _route(self, asked: Asked, wire: Wire, mode: Mode) -> None:
        path = asked.path.removeprefix("/v1")
        if (asked.method, path) == ("GET", "/models"):
            models = [_model(name) for name in self.models]
            await wire.json({"object": "list", "data": models})
        elif (asked.method, path) == ("POST", "/embeddings"):
            await _send(wire, self._embeddings(asked.json(), mode), mode)
        elif (asked.method, path) in {("POST", "/chat/completions"), ("POST", "/completions")}:
            body = asked.json()
            if body.get("stream"):
                await self._stream(body, wire, mode)
            else:
                await _send(wire, self._answer(body), mode)
        else:
            missing = {"message": f"no {asked.method} {asked.path}", "type": "not_found_error"}
            await wire.json({"error": missing}, 404)

    def _answer(self, body: dict[str, Any]) -> dict[str, Any]:
        text = self._text(body)
        answer: dict[str, Any] = {"id": "chatcmpl-scripted", "created": CREATED}
        answer["model"] = body.get("model")
        choice: dict[str, Any] = {"index": 0, "finish_reason": self.finish_reason}
        if "messages" in body:
            answer["object"] = "chat.completion"
            choice["message"] = self.message or {"role": "assistant", "content": text}
        else:
            answer["object"] = "text_completion"
            choice["text"] = text
        return {**answer, "choices": [choice], "usage": usage(prompt(body), text)}

    async def _stream(self, body: dict[str, Any], wire: Wire, mode: Mode) -> None:
        await wire.begin()
        if mode is Mode.ERROR_FIRST:
            await wire.piece(sse({"error": self.error}))
            await wire.end()
            return
        for number, event in enumerate(self._events(body)):
            if mode in MIDWAY and number == self.break_after:
                await self._break(wire, mode)
                return
            await wire.piece(sse(event))
            await asyncio.sleep(self.pace_s)
            await self.gate.wait()
        await wire.piece(b"data: [DONE]\n\n")
        await wire.end()

    async def _break(self, wire: Wire, mode: Mode) -> None:
        match mode:
            case Mode.ERROR_MIDWAY:
                await wire.piece(sse({"error": self.error}))
                await wire.end()
            case Mode.NO_DONE:
                await wire.end()
            case Mode.CUT_MIDWAY:
                wire.close()
            case Mode.STALL_MIDWAY:
                await asyncio.Event().wait()
            case _:
                await asyncio.sleep(0.02)  # let what was sent arrive before the reset
                wire.reset()

    def _events(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        text = self._text(body)
        chat = "messages" in body
        head = {
            "id": "chatcmpl-scripted",
            "object": "chat.completion.chunk" if chat else "text_completion",
            "created": CREATED,
            "model": body.get("model"),
        }
        words = re.findall(r"\s*\S+\s*$|\s*\S+", text)
        deltas: list[dict[str, Any]] = [{"content": word} for word in words]
        if chat:
            deltas.insert(0, {"role": "assistant", "content": ""})
        choices = [
            {"index": 0, "finish_reason": None}
            | ({"delta": delta} if chat else {"text": delta["content"]})
            for delta in deltas
        ]
        end: dict[str, Any] = {"delta": {}} if chat else {"text": ""}
        choices.append({"index": 0, "finish_reason": self.finish_reason, **end})
        events: list[dict[str, Any]] = [{**head, "choices": [choice]} for choice in choices]
        if (body.get("stream_options") or {}).get("include_usage"):
            events = [{**event, "usage": None} for event in events]
            events.append({**head, "choices": [], "usage": usage(prompt(body), text)})
        return events

    def _embeddings(self, body: dict[str, Any], mode: Mode) -> dict[str, Any]:
        inputs = body["input"]
        if isinstance(inputs, str) or (inputs and isinstance(inputs[0], int)):
            inputs = [inputs]
        if mode is Mode.SHORT_COUNT:
            inputs = inputs[:-1]
        size = body.get("dimensions") or self.dimension
        vectors = [[] if mode is Mode.EMPTY_VECTOR else embed(str(x), size) for x in inputs]
        coded = body.get("encoding_format") == "base64"
        data = [
            {"object": "embedding", "index": index, "embedding": _coded(v) if coded else v}
            for index, v in enumerate(vectors)
        ]
        counted = sum(len(str(x).split()) for x in inputs)
        spent = {"prompt_tokens": counted, "total_tokens": counted}
        return {"object": "list", "data": data, "model": body.get("model"), "usage": spent}

    def _text(self, body: dict[str, Any]) -> str:
        asked = prompt(body)
        if self.reply is not None:
            return self.reply
        return asked.partition(EXACTLY)[2] or f"You said: {asked}"


def prompt(body: dict[str, Any]) -> str:
    """The last user message (or the prompt of a completion) as text."""
    if "messages" not in body:
        return str(body.get("prompt", ""))
    users = [message for message in body["messages"] if message.get("role") == "user"]
    content = users[-1]["content"] if users else ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def usage(asked: str, answered: str) -> dict[str, int]:
    """Count words as tokens; at least one each."""
    spent, made = max(len(asked.split()), 1), max(len(answered.split()), 1)
    return {"prompt_tokens": spent, "completion_tokens": made, "total_tokens": spent + made}


def sse(event: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + msgspec.json.encode(event) + b"\n\n"


async def _send(wire: Wire, value: dict[str, Any], mode: Mode) -> None:
    body = msgspec.json.encode(value)
    if mode is Mode.GZIP:
        await wire.answer(200, gzip.compress(body), headers={"content-encoding": "gzip"})
    else:
        await wire.answer(200, body)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "scripted"}


def _coded(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
