"""Bytes that upstreams of Messages and of Ollama's chat answer with; see `bad_answers`."""

from collections.abc import Iterator
from typing import Any

from tests.support.bad_answers import TEXT, Bad, http

from hx_gateway.core import wire

SSE, LINES = "text/event-stream", "application/x-ndjson"


def message(**fields: Any) -> bytes:
    """Write a whole answer of Messages."""
    made: dict[str, Any] = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "x",
        "stop_sequence": None,
    }
    made |= {"content": [{"type": "text", "text": TEXT}], "stop_reason": "end_turn"}
    return wire.encode({**made, "usage": {"input_tokens": 1, "output_tokens": 2}, **fields})


def event(kind: str, **fields: Any) -> bytes:
    """Write an event of Messages."""
    data = wire.encode({"type": kind, **fields})
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


def chat(text: str = TEXT, **fields: Any) -> bytes:
    """Write a whole answer, or a line, of Ollama's chat."""
    said = {"role": "assistant", "content": text}
    end = {"done": True, "done_reason": "stop", "prompt_eval_count": 1, "eval_count": 2}
    return wire.encode({"model": "m", "created_at": "2025", "message": said, **end, **fields})


BEGIN = event("message_start", message=wire.decode_any(message(content=[], stop_reason=None)))
OPEN = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
SAID = event("content_block_delta", index=0, delta={"type": "text_delta", "text": TEXT})
CLOSED = event("content_block_stop", index=0)
REASON = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2})
STOP = event("message_stop")
GOOD = BEGIN + OPEN + SAID + CLOSED + REASON + STOP
BUSY = {"type": "overloaded_error", "message": "busy"}
HE, Y = chat("he", done=False) + b"\n", chat("y", done=False) + b"\n"
TOLD = HE + Y + chat("") + b"\n"

_MESSAGES: dict[int, dict[str, bytes]] = {
    200: {
        "a proper answer": message(),
        "no usage": message(usage=None),
        "a usage with a point": message(usage={"input_tokens": 1.0, "output_tokens": 2.5}),
        "a negative usage": message(usage={"input_tokens": -1, "output_tokens": -2}),
        "an unknown reason": message(stop_reason="weird"),
        "a block of a kind to come": message(content=[{"type": "new"}, {"type": "text", "text": TEXT}]),
    },
    502: {
        "a web page": b"<html>", "nothing": b"", "null": b"null", "an empty object": b"{}",
        "null for the content": message(content=None), "a text for it": message(content="hey"),
        "half a character": message().replace(b"hey", b"h\xc3"),
    },
    503: {"an error with a 200": wire.encode({"type": "error", "error": BUSY})},
}  # fmt: skip
_CHATS: dict[int, dict[str, bytes]] = {
    200: {
        "a proper answer": chat(),
        "no counts": chat(prompt_eval_count=None, eval_count=None),
        "negative counts": chat(prompt_eval_count=-5, eval_count=-5),
        "an unknown reason": chat(done_reason="weird"),
    },
    502: {
        "a web page": b"<html>", "nothing": b"", "null": b"null", "an empty object": b"{}",
        "half of an answer": chat(done=False), "half a character": chat().replace(b"hey", b"h\xc3"),
    },
    503: {"an error with a 200": b'{"error":"it broke"}'},
}  # fmt: skip


def other_whole_answers() -> Iterator[Bad]:
    """Give answers to calls without a stream."""
    for model, cases in (("messages", _MESSAGES), ("ollama", _CHATS)):
        for status, named in cases.items():
            for name, body in named.items():
                yield Bad(name=f"{model}: {name}", data=http(body), status=status, model=model)


def other_streams() -> Iterator[Bad]:
    """Give answers to calls that want a stream."""
    whole = {
        "a proper stream": GOOD, "pings first": event("ping") * 3 + GOOD,
        "CR LF": GOOD.replace(b"\n", b"\r\n"), "an event to come": BEGIN + event("new") + GOOD[len(BEGIN):],
        "two ends": GOOD + STOP, "text after the end": GOOD + SAID,
        "garbage after the end": GOOD + b"data: {garbage\n\n",
    }  # fmt: skip
    for name, body in whole.items():
        yield _stream("messages", name, body, 200)
    yield _stream("messages", "no end", BEGIN + OPEN + SAID + CLOSED + REASON, 200, errors=1)
    yield _stream("messages", "an end without a reason", BEGIN + OPEN + SAID + STOP, 200, errors=1)
    yield _stream("messages", "a whole answer", message(), 502)
    yield _stream("messages", "null", BEGIN + b"data: null\n\n" + SAID, 502)
    yield _stream("messages", "an error at first", event("error", error=BUSY), 503)
    lines = {
        "a proper stream": TOLD, "no last line end": TOLD[:-1], "CR LF": TOLD.replace(b"\n", b"\r\n"),
        "empty lines": b"\n\n" + TOLD.replace(b"\n", b"\n\n"), "two ends": TOLD + TOLD,
        "text after the end": TOLD + HE, "garbage after the end": TOLD + b"{garbage",
    }  # fmt: skip
    for name, body in lines.items():
        yield _stream("ollama", name, body, 200)
    yield _stream("ollama", "no end", HE, 200, errors=1, text="he")
    yield _stream("ollama", "a web page", b"<html>", 502)
    yield _stream("ollama", "an endless line", chat("x" * 5_000_000), 502)
    yield _stream("ollama", "an error at first", b'{"error":"it broke"}\n', 503)


def _stream(
    model: str, name: str, body: bytes, status: int, *, errors: int = 0, text: str = TEXT
) -> Bad:
    kind = SSE if model == "messages" else LINES
    data = http(body, kind=kind)
    return Bad(
        name=f"{model}: {name}", data=data, status=status, errors=errors, text=text, model=model
    )
