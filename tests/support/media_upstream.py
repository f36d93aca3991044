"""A scripted upstream for everything beside text, in OpenAI's and Cohere's wire formats.

https://platform.openai.com/docs/api-reference (moderations, images, audio) and
https://docs.cohere.com/reference/rerank.
"""

import asyncio
import email
import email.message
import email.policy
from typing import Any

import msgspec
from tests.support.listener import Asked, Listener, Wire

SOUND = bytes(range(256)) * 64
VECTOR_USAGE = {"input_tokens": 7, "output_tokens": 11, "total_tokens": 18}


class Field(msgspec.Struct, frozen=True):
    """One field of a form as Python's own mail parser reads it."""

    name: str
    value: bytes
    filename: str | None = None
    content_type: str = ""


class MediaUpstream(Listener):
    """One upstream. `fail_with` answers that status; `break_after` cuts sounds and streams.

    `endless`: a sound that goes on for ever; `sent` counts its bytes that were taken. A sound waits
    for `gate` after its first piece.
    """

    def __init__(self) -> None:
        """Behaves well until told otherwise."""
        super().__init__(self._handle)
        self.fail_with: int | None = None
        self.break_after: int | None = None
        self.kind: str | None = None
        self.text: bytes = b"hello"
        self.pace_s = 0.0
        self.gate = asyncio.Event()
        self.gate.set()
        self.endless = False
        self.sent = 0

    @property
    def base_url(self) -> str:
        """What goes into `api_base`."""
        return f"{self.url}/v1"

    @property
    def last(self) -> Asked:
        """The last request."""
        return self.asked[-1]

    async def _handle(self, asked: Asked, wire: Wire) -> None:
        if self.fail_with is not None:
            error = {"message": "it broke", "type": "server_error", "code": None, "param": None}
            await wire.json({"error": error}, self.fail_with)
            return
        match asked.path.removeprefix("/v1").removeprefix("/v2"):
            case "/rerank":
                await wire.json(_ranking(asked.json()))
            case "/moderations":
                await wire.json(_moderation(asked.json()))
            case "/audio/speech":
                await self._speak(wire)
            case path if path.startswith(("/images/", "/audio/")):
                await self._draw_or_hear(path, asked, wire)
            case _:
                await wire.json({"error": {"message": f"no {asked.path}"}}, 404)

    async def _speak(self, wire: Wire) -> None:
        await wire.begin(kind=self.kind or "audio/mpeg")
        while self.endless:
            await wire.piece(SOUND)
            self.sent += len(SOUND)
        for number, start in enumerate(range(0, len(SOUND), 1024)):
            if number == self.break_after:
                await asyncio.sleep(0.05)
                wire.close()
                return
            await wire.piece(SOUND[start : start + 1024])
            await asyncio.sleep(self.pace_s)
            await self.gate.wait()
        await wire.end()

    async def _draw_or_hear(self, path: str, asked: Asked, wire: Wire) -> None:
        is_form = asked.headers["content-type"].startswith("multipart/")
        if is_form:
            fields = {field.name: field.value.decode("latin-1") for field in form(asked)}
        else:
            fields = {name: str(value) for name, value in asked.json().items()}
        if fields.get("stream", "").lower() == "true":
            await self._events(path, wire)
        elif path.startswith("/images/"):
            data = [{"b64_json": "aGVsbG8="}] * int(fields.get("n", "1"))
            await wire.json({"created": 1, "data": data, "usage": VECTOR_USAGE})
        elif fields.get("response_format") in {"text", "srt", "vtt"}:
            await wire.answer(200, self.text, kind="text/plain; charset=utf-8")
        else:
            usage = {"type": "duration", "seconds": 12.5}
            await wire.json({"text": self.text.decode(), "usage": usage})

    async def _events(self, path: str, wire: Wire) -> None:
        await wire.begin()
        if path.startswith("/images/"):
            kind = "image_generation" if path.endswith("generations") else "image_edit"
            events: list[dict[str, Any]] = [
                {"type": f"{kind}.partial_image", "partial_image_index": 0, "b64_json": "aGk="},
                {"type": f"{kind}.completed", "b64_json": "aGVsbG8=", "usage": VECTOR_USAGE},
            ]
        else:
            events = [
                {"type": "transcript.text.delta", "delta": "hel"},
                {"type": "transcript.text.delta", "delta": "lo"},
                {
                    "type": "transcript.text.done",
                    "text": "hello",
                    "usage": {"type": "tokens", **VECTOR_USAGE},
                },
            ]
        for number, event in enumerate(events):
            if number == self.break_after:
                await asyncio.sleep(0.05)
                wire.close()
                return
            data = msgspec.json.encode(event)
            await wire.piece(b"event: %b\ndata: %b\n\n" % (event["type"].encode(), data))
            await asyncio.sleep(self.pace_s)
        await wire.end()


def form(asked: Asked) -> list[Field]:
    """Read a form with a parser that is not ours."""
    return parse_form(asked.headers["content-type"], asked.body)


def sent_fields(upstream: MediaUpstream) -> dict[str, bytes]:
    """The fields of the last form by name."""
    return {field.name: field.value for field in form(upstream.last)}


def parse_form(content_type: str, body: bytes) -> list[Field]:
    """Read a form with Python's mail parser."""
    head = f"Content-Type: {content_type}\r\nMIME-Version: 1.0\r\n\r\n".encode()
    message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    assert message.is_multipart(), "the mail parser sees no form"
    return [
        Field(
            name=str(part.get_param("name", header="content-disposition")),
            value=_bytes(part),
            filename=part.get_filename(),
            content_type=part.get("content-type", ""),
        )
        for part in message.iter_parts()
    ]


def _bytes(part: email.message.Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _ranking(body: dict[str, Any]) -> dict[str, Any]:
    results = [
        {"index": index, "relevance_score": 1 / (index + 1)}
        for index in range(len(body["documents"]))
    ]
    return {
        "id": "rank-1",
        "results": results[: body.get("top_n")],
        "meta": {"billed_units": {"search_units": 1}, "tokens": {"input_tokens": 9}},
    }


def _moderation(body: dict[str, Any]) -> dict[str, Any]:
    result = {"flagged": False, "categories": {}, "category_scores": {}}
    return {"id": "modr-1", "model": body["model"], "results": [result]}
