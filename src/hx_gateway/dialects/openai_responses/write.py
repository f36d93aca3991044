"""Write events as a response for a client, whole or as a stream."""

from hx_gateway.core import wire
from hx_gateway.core.call import Call
from hx_gateway.core.event import Event, Finish, Started, TextDelta, Used
from hx_gateway.core.usage import Usage
from hx_gateway.dialects.openai_responses.items import Item, Items
from hx_gateway.dialects.openai_responses.usage import wire_usage
from hx_gateway.dialects.sse import one_line

Json = dict[str, object]

_INCOMPLETE = {
    Finish.LENGTH: "max_output_tokens",
    Finish.CONTENT_FILTER: "content_filter",
}
# What a response says about its request; the SDKs expect all of it.
_ECHOED: dict[str, object] = {
    "instructions": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "temperature": None,
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "max_output_tokens": None,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "store": True,
    "text": {"format": {"type": "text"}},
    "truncation": "disabled",
    "user": None,
}


class ResponseWriter:
    """Writes one stream; its events are numbered from 0."""

    __slots__ = ("_begun", "_call", "_items", "_number", "_started", "_usage")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._items = Items(call.id, call.fields)
        self._started = Started(id="", model=call.model)
        self._usage: Usage | None = None
        self._number = 0
        self._begun = False

    def write(self, events: list[Event]) -> bytes:
        """See `Writer`. The start waits for content, so that a fault before it can fall back."""
        if len(events) == 1 and type(first := events[0]) is TextDelta:
            plain = first.choice == 0 and first.logprobs is None
            if plain and (item := self._items.more_text(first.text)) is not None:
                return self._more(item, first.text)  # nearly every call
        written: list[bytes] = []
        for event in events:
            if type(event) is Used:
                self._usage = event.usage
            elif type(event) is Started:
                self._started = event
            elif getattr(event, "choice", 0) == 0:  # the format has one choice
                for name, fields in self._items.add(event):
                    written += self._begin()
                    written.append(self._frame(name, fields))
        return b"".join(written)

    def _more(self, item: Item, text: str) -> bytes:
        number, self._number = self._number, self._number + 1
        return (
            b"event: response.output_text.delta\n"
            b'data: {"type":"response.output_text.delta","sequence_number":%d,"item_id":%b,'
            b'"output_index":%d,"content_index":0,"delta":%b,"logprobs":[]}\n\n'
            % (number, wire.encode(item.id), item.index, wire.encode(text))
        )

    def end(self) -> bytes:
        """See `Writer`."""
        written = self._begin()
        written += [self._frame(name, fields) for name, fields in self._items.close()]
        body = response_of(self._call, self._started, self._items, self._usage)
        written.append(self._frame(str(body["status"]), {"response": body}))
        return b"".join(written)

    def _begin(self) -> list[bytes]:
        if self._begun:
            return []
        self._begun = True
        body = _head(self._call, self._started, "in_progress")
        return [self._frame(name, {"response": body}) for name in ("created", "in_progress")]

    def _frame(self, name: str, fields: Json) -> bytes:
        kind = f"response.{name}"
        data = wire.encode({"type": kind, "sequence_number": self._number, **fields})
        self._number += 1
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)


def render_response(events: list[Event], call: Call) -> bytes:
    """Write a whole answer."""
    items = Items(call.id, call.fields)
    started, usage = Started(id="", model=call.model), None
    for event in events:
        if isinstance(event, Started):
            started = event
        elif isinstance(event, Used):
            usage = event.usage
        elif getattr(event, "choice", 0) == 0:
            for _ in items.add(event):
                pass  # what a stream would say is not said here
    for _ in items.close():
        pass
    return wire.encode(response_of(call, started, items, usage))


def response_of(call: Call, started: Started, items: Items, usage: Usage | None) -> Json:
    """Give the response object of a finished answer."""
    reason = _INCOMPLETE.get(items.finished.reason)
    status = "completed" if reason is None else "incomplete"
    return {
        **_head(call, started, status),
        "output": items.render(status),
        "incomplete_details": None if reason is None else {"reason": reason},
        "usage": None if usage is None else wire_usage(usage),
    }


def _head(call: Call, started: Started, status: str) -> Json:
    id_ = started.id if started.id.startswith("resp_") else f"resp_{call.id}"
    sent = {name: one_line(value) for name, value in call.fields.items() if name in _ECHOED}
    return {
        "id": id_,
        "object": "response",
        "created_at": started.created or call.created,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "model": call.model,
        "output": [],
        "usage": None,
        **_ECHOED,
        **sent,
    }
