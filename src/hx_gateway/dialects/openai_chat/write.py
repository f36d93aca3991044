"""Write events as a chat completion for a client, whole or as a stream."""

from msgspec import Raw

from hx_gateway.core import wire
from hx_gateway.core.call import Call
from hx_gateway.core.event import (
    Event,
    Finish,
    Finished,
    RefusalDelta,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolDelta,
    ToolStarted,
    Used,
)
from hx_gateway.core.usage import Usage
from hx_gateway.dialects.openai_chat.read import custom_tools
from hx_gateway.dialects.openai_relay import DONE
from hx_gateway.dialects.openai_usage import wire_usage
from hx_gateway.dialects.sse import one_line
from hx_gateway.dialects.tools import as_text

Json = dict[str, object]

_FINISHES = {
    Finish.STOP: "stop",
    Finish.LENGTH: "length",
    Finish.TOOL_USE: "tool_calls",
    Finish.CONTENT_FILTER: "content_filter",
    Finish.REFUSAL: "stop",
    Finish.STOP_SEQUENCE: "stop",
    Finish.PAUSE: "stop",
}


def _answer_id(upstream_id: str, call: Call) -> str:
    return upstream_id if upstream_id.startswith("chatcmpl") else f"chatcmpl-{call.id}"


class _Choice:
    """One choice of a whole answer, as it is put together."""

    def __init__(self, index: int, customs: frozenset[str]) -> None:
        self.index = index
        self.customs = customs
        self.text: list[str] = []
        self.refusal: list[str] = []
        self.thinking: list[str] = []
        self.unsealed: list[str] = []
        self.blocks: list[Json] = []
        self.tools: list[tuple[ToolStarted, list[str]]] = []
        self.logprobs: Raw | None = None
        self.finish = "stop"

    def add(self, event: Event) -> None:
        """Take one event of this choice."""
        match event:
            case TextDelta():
                self.text.append(event.text)
                self.logprobs = event.logprobs or self.logprobs
            case RefusalDelta():
                self.refusal.append(event.text)
            case ThinkingDelta():
                self.thinking.append(event.text)
                self.blocks.extend(_blocks(event, self.unsealed))
            case ToolStarted():
                self.tools.append((event, []))
            case ToolDelta():
                self.tools[event.index][1].append(event.arguments)
            case Finished():
                self.finish = _FINISHES[event.reason]
            case _:
                pass

    def message(self) -> Json:
        """Give the message."""
        message: Json = {
            "role": "assistant",
            "content": "".join(self.text) if self.text or not self.tools else None,
            "refusal": "".join(self.refusal) or None,
        }
        if self.thinking:
            message["reasoning_content"] = "".join(self.thinking)
        if self.blocks:
            message["thinking_blocks"] = self.blocks
        if self.tools:
            message["tool_calls"] = [
                _whole_call(started, "".join(arguments), self.customs)
                for started, arguments in self.tools
            ]
        return message

    def render(self) -> Json:
        """Give the choice."""
        return {
            "index": self.index,
            "message": self.message(),
            "logprobs": self.logprobs,
            "finish_reason": self.finish,
        }


def _blocks(event: ThinkingDelta, unsealed: list[str]) -> list[Json]:
    """Give a closed thinking block in the shape LiteLLM's clients send back with the next turn.

    `unsealed` gathers the text since the last one: a signature holds for its own block only.
    """
    if event.redacted is not None:
        return [{"type": "redacted_thinking", "data": event.redacted}]
    unsealed.append(event.text)
    if event.signature is None:
        return []
    text = "".join(unsealed)
    unsealed.clear()
    return [{"type": "thinking", "thinking": text, "signature": event.signature}]


def _whole_call(started: ToolStarted, arguments: str, customs: frozenset[str]) -> Json:
    if started.name in customs:
        return _custom_call(started, as_text(arguments))
    return _tool_call(started, arguments)


def _custom_call(started: ToolStarted, text: str) -> Json:
    return {"id": started.id, "type": "custom", "custom": {"name": started.name, "input": text}}


def _tool_call(started: ToolStarted, arguments: str) -> Json:
    function = {"name": started.name, "arguments": arguments}
    return {"id": started.id, "type": "function", "function": function}


def render_chat(events: list[Event], call: Call) -> bytes:
    """Write a whole answer."""
    started = Started(id="", model=call.model)
    usage: Usage | None = None
    choices: dict[int, _Choice] = {}
    customs = custom_tools(call.fields)
    for event in events:
        match event:
            case Started():
                started = event
            case Used():
                usage = event.usage
            case _:
                index = getattr(event, "choice", 0)
                choices.setdefault(index, _Choice(index, customs)).add(event)
    body: Json = {
        "id": _answer_id(started.id, call),
        "object": "chat.completion",
        "created": started.created or call.created,
        "model": call.model,
        "choices": [choice.render() for _, choice in sorted(choices.items())],
    }
    if usage is not None:
        body["usage"] = wire_usage(usage)
    return wire.encode(body)


class ChatWriter:
    """Writes one stream of `chat.completion.chunk` events.

    The frame around a delta is the same for all chunks of an answer, so it is encoded once.
    """

    __slots__ = ("_call", "_customs", "_head", "_roles", "_texts", "_unsealed", "_usage")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._roles: set[int] = set()
        self._unsealed: dict[int, list[str]] = {}
        self._customs: frozenset[str] | None = None
        self._texts: dict[tuple[int, int], list[str]] = {}
        self._usage: Usage | None = None
        self._head = self._frame(Started(id="", model=call.model))

    def write(self, events: list[Event]) -> bytes:
        """See `Writer`."""
        if len(events) == 1 and type(first := events[0]) is TextDelta:
            return self._text(first)  # nearly every call
        return b"".join([self._event(event) for event in events])

    def end(self) -> bytes:
        """See `Writer`; the usage is shown only to a client that asked."""
        if self._usage is None or not self._call.wants_usage:
            return DONE
        usage = wire.encode(wire_usage(self._usage))
        return self._head + b'"choices":[],"usage":' + usage + b"}\n\n" + DONE

    def _frame(self, started: Started) -> bytes:
        head = {
            "id": _answer_id(started.id, self._call),
            "object": "chat.completion.chunk",
            "created": started.created or self._call.created,
            "model": self._call.model,
        }
        return b"data: " + wire.encode(head)[:-1] + b","

    def _event(self, event: Event) -> bytes:
        match event:
            case TextDelta():
                return self._text(event)
            case ToolDelta():
                return self._arguments(event)
            case Finished():
                finish = self._chunk(event.choice, {}, finish=_FINISHES[event.reason])
                return self._custom_texts(event.choice) + finish
            case Used():
                self._usage = event.usage
                return b""
            case _:
                return self._rare_event(event)

    def _rare_event(self, event: Event) -> bytes:
        match event:
            case Started():
                self._head = self._frame(event)
                return b""
            case ThinkingDelta():
                return self._thinking(event)
            case ToolStarted():
                return self._tool(event)
            case RefusalDelta():
                return self._chunk(event.choice, {"refusal": event.text})
            case _:
                return b""

    def _tool(self, event: ToolStarted) -> bytes:
        if self._customs is None:
            self._customs = custom_tools(self._call.fields)
        call = _whole_call(event, "", self._customs)
        if event.name in self._customs:
            self._texts[event.choice, event.index] = []
        return self._chunk(event.choice, {"tool_calls": [{"index": event.index, **call}]})

    def _arguments(self, event: ToolDelta) -> bytes:
        pieces = self._texts.get((event.choice, event.index))
        if pieces is not None:
            pieces.append(event.arguments)  # the text is in JSON, which is read when it is whole
            return b""
        call = {"index": event.index, "function": {"arguments": event.arguments}}
        return self._chunk(event.choice, {"tool_calls": [call]})

    def _custom_texts(self, choice: int) -> bytes:
        """Give the texts for the custom tools of a choice, now that they are whole."""
        if not self._texts:
            return b""
        calls = [
            {"index": index, "custom": {"input": as_text("".join(pieces))}}
            for (which, index), pieces in self._texts.items()
            if which == choice
        ]
        return b"".join(self._chunk(choice, {"tool_calls": [call]}) for call in calls)

    def _text(self, event: TextDelta) -> bytes:
        if event.choice not in self._roles or event.logprobs is not None:
            return self._chunk(event.choice, {"content": event.text}, event.logprobs)
        return (
            self._head + b'"choices":[{"index":%d,"delta":{"content":%b},'
            b'"logprobs":null,"finish_reason":null}]}\n\n' % (event.choice, wire.encode(event.text))
        )

    def _thinking(self, event: ThinkingDelta) -> bytes:
        delta: Json = {"reasoning_content": event.text}
        if blocks := _blocks(event, self._unsealed.setdefault(event.choice, [])):
            delta["thinking_blocks"] = blocks
        return self._chunk(event.choice, delta)

    def _chunk(
        self, index: int, delta: Json, logprobs: Raw | None = None, finish: str | None = None
    ) -> bytes:
        if index not in self._roles:
            self._roles.add(index)
            delta = {"role": "assistant", "content": "", **delta}
        if logprobs is not None:
            logprobs = one_line(logprobs)
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return self._head + b'"choices":[' + wire.encode(choice) + b"]}\n\n"
