"""Bytes that an upstream of chat answers with, well or badly, and what a client is to be told."""

import gzip
from collections.abc import Iterator
from typing import Any

import msgspec

from hx_gateway.core import wire

TEXT = "hey"
CHOICE: dict[str, Any] = {
    "index": 0,
    "message": {"role": "assistant", "content": TEXT},
    "finish_reason": "stop",
}
EMPTY_ERROR = "The upstream refused the request."


class Bad(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. `status`: what our client gets. `says`: what its error says, if that is known.

    `errors`: how many error events a stream ends with; `text`: what is said before. `model` is who
    is asked. `closes`: only the end of the connection ends the answer.
    """

    name: str
    data: bytes
    status: int
    says: str | None = None
    errors: int = 0
    text: str = TEXT
    model: str = "m"
    closes: bool = False

    def __str__(self) -> str:
        return self.name


def http(body: bytes, *extra: str, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """Write an answer with its length."""
    lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", *extra, f"content-length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def whole(**fields: Any) -> bytes:
    """Write a whole answer; `fields` replace its own."""
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    made = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    return wire.encode({**made, "choices": [CHOICE], "usage": usage, **fields})


def error(body: bytes, status: str, *extra: str, kind: str = "application/json") -> bytes:
    """Write an error answer."""
    return http(body, *extra, status=status, kind=kind)


def complaint(message: str, **fields: str) -> bytes:
    """Write an error body."""
    return wire.encode({"error": {"message": message, **fields}})


def chunked(body: bytes, *, end: bytes = b"0\r\n\r\n") -> bytes:
    """Write a body of unknown length."""
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    return head + b"%x\r\n%b\r\n" % (len(body), body) + end


def event(delta: object, finish: str | None = None, **fields: Any) -> bytes:
    """Write one event."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _data({"id": "c", "created": 1, "model": "m", "choices": [choice], **fields})


def _data(value: object) -> bytes:
    return b"data: " + wire.encode(value) + b"\n\n"


def _sse(*events: bytes) -> bytes:
    return http(b"".join(events), kind="text/event-stream")


HE, Y, STOP = (
    event({"role": "assistant", "content": "he"}),
    event({"content": "y"}),
    event({}, "stop"),
)
DONE = b"data: [DONE]\n\n"
GOOD = HE + Y + STOP + DONE
OK = http(whole())

_MANGLED = {
    "a web page": http(b"<html>hi</html>", kind="text/html"),
    "nothing": http(b""),
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "half of the JSON": http(whole()[:60]),
    "a list": http(b"[]"),
    "null": http(b"null"),
    "a text": http(b'"x"'),
    "an empty object": http(b"{}"),
    "two answers in one": http(whole() + whole()),
    "a stream that nobody asked for": http(GOOD, kind="text/event-stream"),
    "a byte order mark": http(b"\xef\xbb\xbf" + whole()),
    "half a character": http(whole().replace(b"hey", b"h\xc3")),
    "half a surrogate": http(whole().replace(b"hey", b"h\\ud800")),
    "NaN": http(whole()[:-1] + b',"x":NaN}'),
    "100000 levels": http(b'{"choices":' + b"[" * 100_000),
    "no choices": http(whole(choices=[])),
    "null for the choices": http(whole(choices=None)),
    "a text for the choices": http(whole(choices="x")),
    "a list for the usage": http(whole(usage=[])),
    "switching protocols": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
    "a redirect": error(b"x", "302 Found", "location: http://127.0.0.1:1/"),
    "not modified": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "broken gzip": http(b"no gzip", "content-encoding: gzip"),
    "an encoding nobody asked for": http(b"x", "content-encoding: br"),
    "100000 headers": b"HTTP/1.1 200 OK\r\n" + b"x-a: b\r\n" * 100_000,
    "an endless header": b"HTTP/1.1 200 OK\r\nx-a: " + b"b" * 3_000_000,
    "endless interim answers": b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" * 5000,
    "two lengths": OK.replace(b"content-length", b"content-length: 5\r\ncontent-length"),
    "a negative length": b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n{}",
    "a length and chunks": chunked(whole()).replace(b"\r\n\r\n", b"\r\ncontent-length: 5\r\n\r\n", 1),
    "another protocol": b"SSH-2.0-OpenSSH_9\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "any bytes": bytes(range(256)) * 10,
    "no HTTP status": error(b"{}", "99 Low"),
    "a bad credential": error(complaint("Incorrect API key sk-upstream-canary"), "401 No"),
    "no permission": error(complaint("not for you"), "403 No"),
    "an unknown model": error(complaint("no such model"), "404 No"),
}  # fmt: skip
_TAKEN = {
    "a proper answer": OK,
    "created": http(whole(), status="201 Created"),
    "a wrong media type": http(whole(), kind="text/html"),
    "interim answers": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: x\r\n\r\n" + OK,
    "gzip": http(gzip.compress(whole()), "content-encoding: gzip"),
    "no length": b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + whole(),
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n" + whole(),
    "more than was announced": OK + b"and so on",
    "no usage": http(whole(usage=None)),
    "a negative usage": http(whole(usage={"prompt_tokens": -5, "completion_tokens": -1})),
    "a huge usage": http(whole(usage={"prompt_tokens": 10**17, "completion_tokens": 1e300})),
    "a usage with a point": http(whole(usage={"prompt_tokens": 1.0, "completion_tokens": 2.5})),
    "an unknown reason": http(whole(choices=[{**CHOICE, "finish_reason": "weird"}])),
    "no reason": http(whole(choices=[{**CHOICE, "finish_reason": None}])),
}
_REFUSED = [
    ("in its own words", "400 Bad", complaint("bad thing"), 400, "bad thing"),
    ("in plain text", "400 Bad", b"plain reason", 400, "plain reason"),
    ("in a shape of its own", "422 No", b'{"detail":[{"msg":"n"}]}', 422, '{"detail":[{"msg":"n"}]}'),
    ("with a web page", "400 Bad", b"<h1>bad</h1>", 400, EMPTY_ERROR),
    ("without a word", "400 Bad", b"", 400, EMPTY_ERROR),
    ("with 10 MiB", "400 Bad", complaint("x" * 10 * 2**20), 400, EMPTY_ERROR),
    ("as too large", "413 Big", complaint("too large"), 413, "too large"),
    ("for now", "429 Slow", complaint("slow"), 429, None),
    ("as busy", "503 Busy", b"at 192.0.2.7:8080", 503, None),
    ("with 10 MiB of a fault", "500 Fault", b"x" * 10 * 2**20, 503, None),
    ("with a status of nobody", "999 Weird", b"{}", 503, None),
    ("with a 200", "200 OK", complaint("in band", type="server_error"), 503, None),
]  # fmt: skip


def whole_answers() -> Iterator[Bad]:
    """Give answers to a call without a stream."""
    for name, data in _TAKEN.items():
        yield Bad(name=name, data=data, status=200, closes=name in {"no length", "HTTP/1.0"})
    for name, data in _MANGLED.items():
        yield Bad(name=name, data=data, status=502)
    for name, line, body, status, says in _REFUSED:
        yield Bad(name=f"refused {name}", data=error(body, line), status=status, says=says)


def _usage(**counts: object) -> bytes:
    return _data({"id": "c", "choices": [], "usage": counts})


_WHOLE_STREAMS = {
    "a proper stream": _sse(GOOD),
    "chunked": chunked(GOOD),
    "another media type": http(GOOD, kind="application/octet-stream"),
    "a byte order mark": _sse(b"\xef\xbb\xbf" + GOOD),
    "CR LF": _sse(GOOD.replace(b"\n", b"\r\n")),
    "CR": _sse(GOOD.replace(b"\n", b"\r")),
    "comments": _sse(b": hi\n\n:\n\n", HE, b": more\n\n", b": in an event\n", Y + STOP + DONE),
    "100000 comments": _sse(b": x\n\n" * 100_000, GOOD),
    "other fields": _sse(b"retry: 10\nid: 5\nevent: message\n", GOOD),
    "no space": _sse(GOOD.replace(b"data: ", b"data:")),
    "data in several lines": _sse(
        HE, Y.replace(b'"created"', b'\ndata: "created"'), STOP.replace(b",", b",\ndata: ", 1), DONE
    ),
    "data without data": _sse(b"data:\n\n", HE, b"data\n\n", Y + STOP + DONE),
    "gzip": http(gzip.compress(GOOD), "content-encoding: gzip", kind="text/event-stream"),
    "events without choices": _sse(_data({"id": "c", "choices": []}), GOOD),
    "null for the choices": _sse(_data({"id": "c", "choices": None}), GOOD),
    "null for the delta": _sse(event(None), GOOD),
    "two reasons": _sse(HE + Y + STOP + STOP + DONE),
    "an unknown reason": _sse(HE + Y, event({}, "weird"), DONE),
    "no end mark": _sse(HE + Y + STOP),
    "half an end mark": _sse(GOOD[:-2]),
    "two end marks": _sse(GOOD + DONE),
    "garbage after the end mark": _sse(GOOD + b"data: {garbage\n\n" + b"\xff" * 9),
    "text after the end mark": _sse(GOOD + Y + STOP + DONE),
    "a negative usage": _sse(HE + Y + STOP, _usage(prompt_tokens=-1, completion_tokens=-2), DONE),
    "a usage with a point": _sse(HE + Y + STOP, _usage(prompt_tokens=1.0), DONE),
    "a huge usage": _sse(HE + Y + STOP, _usage(prompt_tokens=10**17), DONE),
}
_NO_STREAMS = {
    "JSON": OK,
    "a web page": http(b"<html>", kind="text/html"),
    "nothing": _sse(),
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "only an end mark": _sse(DONE),
    "only comments": _sse(b": x\n\n" * 10),
    "an event that is no JSON": _sse(b"data: {bad\n\n", GOOD),
    "an event that is a list": _sse(b"data: []\n\n", GOOD),
    "half a character": _sse(GOOD.replace(b'"he"', b'"h\xc3"')),
    "an endless line": _sse(b"data: " + b"x" * 5_000_000),
}


def streams() -> Iterator[Bad]:
    """Give answers to a call that wants a stream."""
    for name, data in _WHOLE_STREAMS.items():
        yield Bad(name=name, data=data, status=200)
    for name, data in _NO_STREAMS.items():
        yield Bad(name=name, data=data, status=502)
    fault = _data({"error": {"message": "boom", "type": "server_error"}})
    yield Bad(name="an error at first", data=_sse(fault, GOOD), status=503)
    yield Bad(name="no reason to end", data=_sse(HE + Y, DONE), status=200, errors=1)
    yield Bad(name="half of the answer", data=_sse(HE), status=200, errors=1, text="he")
    yield Bad(name="half of an event", data=_sse(HE + Y + STOP[:-2]), status=200, errors=1)
