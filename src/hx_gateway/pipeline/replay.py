"""Give a kept answer as if it had just been made, in the way this client wants it."""

from hx_gateway.cache.entry import Entry, Found
from hx_gateway.core.call import Call
from hx_gateway.core.errors import GatewayError
from hx_gateway.core.http import JSON_TYPE, SSE_TYPE, Header, Response
from hx_gateway.core.receipt import Ending
from hx_gateway.dialects.registry import READERS, WAYS_IN
from hx_gateway.pipeline.record import Record
from hx_gateway.pipeline.reply import Canned

_UNCACHED: Header = (b"cache-control", b"no-cache")


def replay(found: Found, call: Call, record: Record) -> Response | None:
    """Answer with what was found, and settle; None when it cannot be given in this form.

    A whole answer goes out byte for byte; a stream is written anew from its events.
    """
    entry = found.entry
    body, chunks = entry.body, None
    if call.stream:
        if not entry.streams:
            return None
        try:
            events = READERS[call.dialect].decode(body)
        except (GatewayError, KeyError):
            return None
        writer = WAYS_IN[call.dialect].writer(call)
        body, chunks = b"", Canned(writer.write(events) + writer.end())
    record.served(entry.usage, found.label, entry.provider, entry.upstream_model)
    record.settle(Ending.COMPLETE, status=200)
    headers = _headers(found, call)
    headers += (_type(entry),) if chunks is None else (SSE_TYPE, _UNCACHED)
    return Response(200, body, headers, chunks=chunks)


def _type(entry: Entry) -> Header:
    return JSON_TYPE if entry.media is None else (JSON_TYPE[0], entry.media.encode("latin-1"))


def _headers(found: Found, call: Call) -> list[Header]:
    """Say that it was kept, in LiteLLM's words; a kept answer costs nothing."""
    headers: list[Header] = [
        (b"x-litellm-call-id", call.id.encode()),
        (b"x-litellm-model-group", call.model.encode()),
        (b"x-litellm-cache-key", found.label.encode()),
        (b"x-litellm-cache-hit", b"True"),
        (b"x-litellm-response-cost", b"0"),
    ]
    if found.entry.deployment_id is not None:
        headers.append((b"x-litellm-model-id", found.entry.deployment_id.encode()))
    if found.similarity is not None:
        headers.append((b"x-litellm-semantic-similarity", f"{found.similarity:.4f}".encode()))
    return headers
