"""The output items of one answer, as they grow: what a stream says and what is there at its end."""

from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Raw

from hx_gateway.core.event import (
    Event,
    Finish,
    Finished,
    RefusalDelta,
    TextDelta,
    ThinkingDelta,
    ToolDelta,
    ToolStarted,
)
from hx_gateway.core.wire import NOT_JSON
from hx_gateway.dialects.openai_responses.reasoning import sealed
from hx_gateway.dialects.openai_responses.tools import Original, originals
from hx_gateway.dialects.tools import as_text

Json = dict[str, object]


class Item:
    """One item: a message, a call of a function, or reasoning."""

    def __init__(self, kind: str, index: int, id_: str) -> None:
        self.kind = kind
        self.index = index
        self.id = id_
        self.pieces: list[str] = []
        self.call = ToolStarted(index=0, id="", name="")
        self.original = Original(name="")
        self.logprobs: list[object] = []
        self.encrypted: str | None = None

    @property
    def text(self) -> str:
        """All text so far."""
        return "".join(self.pieces)

    def render(self, status: str) -> Json:
        """Give the item as it is now; without its text while in progress."""
        done = status != "in_progress"
        text = self.text if done else ""
        if self.kind in _CALLS:
            return {"type": self.kind, "id": self.id, **self._called(text), "status": status}
        if self.kind == "reasoning":
            summary = [{"type": "summary_text", "text": text}] if text else []
            reasoning: Json = {"type": self.kind, "id": self.id, "summary": summary}
            return {**reasoning, "encrypted_content": self.encrypted} if done else reasoning
        content = [part_of(self.kind, text, self.logprobs)] if done else []
        message: Json = {"type": "message", "id": self.id, "role": "assistant"}
        return {**message, "status": status, "content": content}

    def _called(self, text: str) -> Json:
        if self.original.search:
            return {"call_id": self.call.id, "execution": "client", "arguments": _asked(text)}
        call: Json = {"call_id": self.call.id, "name": self.original.name}
        call["input" if self.original.custom else "arguments"] = text
        if self.original.namespace is not None:
            call["namespace"] = self.original.namespace
        return call


def part_of(kind: str, text: str, logprobs: list[object] | None = None) -> Json:
    """Write a part of an item."""
    match kind:
        case "refusal":
            return {"type": "refusal", "refusal": text}
        case "reasoning":
            return {"type": "summary_text", "text": text}
        case _:
            return {
                "type": "output_text",
                "annotations": [],
                "logprobs": logprobs or [],
                "text": text,
            }


_CALLS = frozenset({"function_call", "custom_tool_call", "tool_search_call"})
_IDS = {
    "function_call": "fc", "custom_tool_call": "ctc", "tool_search_call": "tsc", "reasoning": "rs",
}  # fmt: skip
# By kind: the stem of its part events, of its text events, the field that numbers its part, and
# the field of the whole text.
_GRAMMAR = {
    "text": ("content_part", "output_text", "content_index", "text"),
    "refusal": ("content_part", "refusal", "content_index", "refusal"),
    "reasoning": (
        "reasoning_summary_part",
        "reasoning_summary_text",
        "summary_index",
        "text",
    ),
}


class _Logprobs(msgspec.Struct):
    content: list[dict[str, object]] | None = None


_LOGPROBS = msgspec.json.Decoder(_Logprobs)


def _tokens(logprobs: Raw | None) -> list[object]:
    """Read the tokens where Chat Completions has them; what an upstream has broken is none."""
    if logprobs is None:
        return []
    try:
        return list(_LOGPROBS.decode(logprobs).content or ())
    except NOT_JSON:
        return []


_ASKED = msgspec.json.Decoder(dict[str, Raw])


def _asked(arguments: str) -> dict[str, Raw] | dict[str, str]:
    """Read what was searched for; a model's own idea of JSON is taken for the words."""
    try:
        return _ASKED.decode(arguments or "{}")
    except NOT_JSON:
        return {"query": arguments}


class Items:
    """All items of one answer. Each event gives what a stream says about it: name and fields.

    Calls stay open until the end, since their pieces may come in turns; all else is closed when
    something different begins.
    """

    def __init__(self, stem: str, fields: Mapping[str, Raw]) -> None:
        """`stem` makes the ids of the items; `fields` are the call's, which hold its tools."""
        self._fields = fields
        self._originals: dict[str, Original] | None = None
        self.finished = Finished(reason=Finish.STOP)
        self._stem = stem
        self._items: list[Item] = []
        self._open: Item | None = None
        self._calls: dict[int, Item] = {}

    def add(self, event: Event) -> Iterator[tuple[str, Json]]:
        """Take one event."""
        match event:
            case TextDelta():
                yield from self._text("text", event.text, event.logprobs)
            case ToolDelta():
                yield from self._arguments(event)
            case ToolStarted():
                yield from self._call(event)
            case ThinkingDelta():
                yield from self._thought(event)
            case RefusalDelta():
                yield from self._text("refusal", event.text)
            case Finished():
                self.finished = event
            case _:
                pass

    def more_text(self, text: str) -> Item | None:
        """Take more of the text that is open; None when it begins or when nothing is said."""
        item = self._open
        if item is None or item.kind != "text" or not text:
            return None
        item.pieces.append(text)
        return item

    def close(self) -> Iterator[tuple[str, Json]]:
        """End what is open."""
        yield from self._close()
        for item in self._calls.values():
            yield from self._close_call(item)

    def render(self, status: str) -> list[Json]:
        """Give all items as they are at the end."""
        return [item.render(status) for item in self._items]

    def _new(self, kind: str) -> Item:
        index = len(self._items)
        item = Item(kind, index, f"{_IDS.get(kind, 'msg')}_{self._stem}_{index}")
        self._items.append(item)
        return item

    def _added(self, item: Item) -> tuple[str, Json]:
        fields = {"output_index": item.index, "item": item.render("in_progress")}
        return "output_item.added", fields

    def _item_done(self, item: Item) -> tuple[str, Json]:
        return "output_item.done", {"output_index": item.index, "item": item.render("completed")}

    def _text(
        self, kind: str, text: str, logprobs: Raw | None = None
    ) -> Iterator[tuple[str, Json]]:
        if not text and logprobs is None:
            return
        item = self._open
        if item is None or item.kind != kind:
            yield from self._close()
            item = self._open = self._new(kind)
            yield self._added(item)
            yield self._part(item, "added", "")
        item.pieces.append(text)
        _, stem, part_index, _ = _GRAMMAR[kind]
        place: Json = {"item_id": item.id, "output_index": item.index, part_index: 0}
        tokens: Json = {}
        if kind == "text":
            said = _tokens(logprobs)
            item.logprobs += said
            tokens["logprobs"] = said
        yield f"{stem}.delta", {**place, "delta": text, **tokens}

    def _part(self, item: Item, what: str, text: str) -> tuple[str, Json]:
        stem, _, part_index, _ = _GRAMMAR[item.kind]
        place: Json = {"item_id": item.id, "output_index": item.index, part_index: 0}
        tokens = item.logprobs if text else None
        return f"{stem}.{what}", {**place, "part": part_of(item.kind, text, tokens)}

    def _close(self) -> Iterator[tuple[str, Json]]:
        item, self._open = self._open, None
        if item is None:
            return
        if item.pieces:
            _, stem, part_index, field = _GRAMMAR[item.kind]
            place: Json = {"item_id": item.id, "output_index": item.index, part_index: 0}
            tokens: Json = {"logprobs": item.logprobs} if item.kind == "text" else {}
            yield f"{stem}.done", {**place, field: item.text, **tokens}
            yield self._part(item, "done", item.text)
        yield self._item_done(item)

    def _call(self, started: ToolStarted) -> Iterator[tuple[str, Json]]:
        yield from self._close()
        original = self._original(started.name)
        kind = "custom_tool_call" if original.custom else "function_call"
        kind = "tool_search_call" if original.search else kind
        item = self._calls[started.index] = self._new(kind)
        item.call = started
        item.original = original
        yield self._added(item)

    def _arguments(self, event: ToolDelta) -> Iterator[tuple[str, Json]]:
        item = self._calls[event.index]
        item.pieces.append(event.arguments)
        if item.original.custom or item.original.search:
            return  # the JSON is read when it is whole
        place = {"item_id": item.id, "output_index": item.index}
        yield "function_call_arguments.delta", {**place, "delta": event.arguments}

    def _original(self, name: str) -> Original:
        if self._originals is None:
            self._originals = originals(self._fields)
        return self._originals.get(name) or Original(name=name)

    def _close_call(self, item: Item) -> Iterator[tuple[str, Json]]:
        place: Json = {"item_id": item.id, "output_index": item.index}
        if item.original.custom:
            item.pieces = [as_text(item.text)]
            yield "custom_tool_call_input.delta", {**place, "delta": item.text}
            yield "custom_tool_call_input.done", {**place, "input": item.text}
        elif not item.original.search:
            done = {**place, "name": item.original.name, "arguments": item.text}
            yield "function_call_arguments.done", done
        yield self._item_done(item)

    def _thought(self, event: ThinkingDelta) -> Iterator[tuple[str, Json]]:
        yield from self._text("reasoning", event.text)
        encrypted = sealed(event.signature, event.redacted)
        if encrypted is None:
            return
        if self._open is None or self._open.kind != "reasoning" or event.redacted is not None:
            yield from self._close()
            self._open = self._new("reasoning")
            yield self._added(self._open)
        self._open.encrypted = encrypted
        yield from self._close()
