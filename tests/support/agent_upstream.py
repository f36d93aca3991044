"""A scripted upstream for agents: streams in each of the four formats, with calls of their tools.

It answers by the scenario that the conversation names (`SCENARIO:files`), one turn after each set
of results of tools, so that a request that is tried again gets the same answer. Wire formats: as in
the goldens of the vendors.
"""

import asyncio
import re
from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec
from tests.support.listener import Asked, Listener, Wire

Json = dict[str, Any]
STAMP = "2025-01-01T00:00:00Z"
MODEL = "scripted"
FORMATS = ("messages", "chat", "responses", "ollama")


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What the model says once: thoughts, a text, calls of tools by name."""

    text: str
    thinking: str = ""
    calls: tuple[tuple[str, Json], ...] = ()


class AgentUpstream(Listener):
    """One server for all formats. The next inference requests fail with `statuses`, in turn; after
    that `cuts` streams end in the middle.
    """

    def __init__(self, scenarios: Mapping[str, tuple[Turn, ...]]) -> None:
        """Every other conversation is answered with one text."""
        super().__init__(self._handle)
        self._scenarios = scenarios
        self.statuses: deque[int] = deque()
        self.cuts = 0

    @property
    def asked_to_answer(self) -> list[Asked]:
        """The requests that a model has to answer."""
        return [asked for asked in self.asked if _format_of(asked.path) is not None]

    async def _handle(self, asked: Asked, wire: Wire) -> None:
        form = _format_of(asked.path)
        if form is None:
            await wire.json(*_beside(asked.path))
        elif self.statuses:
            status = self.statuses.popleft()
            await wire.json({"error": {"message": "it broke", "type": "api_error"}}, status)
        else:
            await self._stream(form, asked, wire)

    async def _stream(self, form: str, asked: Asked, wire: Wire) -> None:
        body = asked.json()
        pieces = _WRITERS[form](self._turn(asked, form), body, len(self.asked))
        kind = "application/x-ndjson" if form == "/api/chat" else "text/event-stream"
        await wire.begin(kind=kind)
        half = len(pieces) // 2
        for number, piece in enumerate(pieces):
            if self.cuts and number == half:
                self.cuts -= 1
                await asyncio.sleep(0.05)  # let what was sent arrive
                wire.close()
                return
            await wire.piece(piece)
        await wire.end()

    def _turn(self, asked: Asked, form: str) -> Turn:
        named = re.findall(rb"SCENARIO:(\w+)", asked.body)
        turns = self._scenarios.get(named[-1].decode(), ()) if named else ()
        if not turns:
            return Turn(text="Nothing to do.")
        return turns[min(_rounds(form, asked.json()), len(turns) - 1)]


def model_of(form: str, upstream: AgentUpstream, name: str | None = None) -> Json:
    """Configure a model that answers in this format; it has the format's name, or another."""
    prefix = {"messages": "anthropic", "ollama": "ollama"}.get(form, "openai")
    base = upstream.url + ("/v1" if prefix == "openai" else "")
    params = {"model": f"{prefix}/{MODEL}", "api_base": base, "api_key": "k"}
    info = {"mode": "responses"} if form == "responses" else {}
    return {"model_name": name or form, "litellm_params": params, "model_info": info}


def _format_of(path: str) -> str | None:
    return next((form for form in _WRITERS if path.endswith(form)), None)


def _beside(path: str) -> tuple[Json, int]:
    """Answer what is asked beside: counts of tokens, and how an Ollama node is."""
    listed: Json = {"name": f"{MODEL}:latest", "model": f"{MODEL}:latest", "modified_at": STAMP}
    listed |= {"size": 1, "digest": "a" * 64, "details": {"family": "x"}}
    able = ["completion", "tools", "thinking"]
    answers: dict[str, Json] = {
        "/v1/messages/count_tokens": {"input_tokens": 1234},
        "/api/version": {"version": "0.12.6"},
        "/api/tags": {"models": [{**listed, "capabilities": able}]},
        "/api/ps": {"models": []},
        "/api/show": {"details": {"family": "x"}, "model_info": {}, "capabilities": able},
    }
    return (answers[path], 200) if path in answers else ({"error": {"message": "not here"}}, 404)


def _rounds(form: str, body: Json) -> int:
    """Count the sets of results of tools in a conversation."""
    if form == "/messages":
        contents = [turn["content"] for turn in body["messages"]]
        return sum(
            any(block.get("type") == "tool_result" for block in content)
            for content in contents
            if isinstance(content, list)
        )
    if form == "/responses":
        items = [] if isinstance(body["input"], str) else body["input"]
        marks = [item.get("type", "").endswith("_output") for item in items]
    else:
        marks = [turn["role"] == "tool" for turn in body["messages"]]
    return sum(mark and not before for before, mark in zip([False, *marks], marks, strict=False))


def _messages(turn: Turn, body: Json, number: int) -> list[bytes]:
    spent = {"input_tokens": 100, "cache_read_input_tokens": 25, "output_tokens": 40}
    head = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": body["model"]}
    empty: Json = {"content": [], "stop_reason": None, "stop_sequence": None, "usage": spent}
    pieces: list[tuple[Json, tuple[Json, ...]]] = []
    if turn.thinking and body.get("thinking", {}).get("type") in {"enabled", "adaptive"}:
        thought = {"type": "thinking_delta", "thinking": turn.thinking}
        seal = {"type": "signature_delta", "signature": "ErUBCkYIBRgC"}
        pieces.append(({"type": "thinking", "thinking": "", "signature": ""}, (thought, seal)))
    texts = tuple({"type": "text_delta", "text": word} for word in _words(turn.text))
    pieces.append(({"type": "text", "text": ""}, texts))
    for index, (name, arguments) in enumerate(turn.calls):
        use = {"type": "tool_use", "id": f"toolu_{number}{index}", "name": name, "input": {}}
        part = {"type": "input_json_delta", "partial_json": _text(arguments)}
        pieces.append((use, (part,)))
    events: list[Json] = [{"type": "message_start", "message": {**head, **empty}}]
    for index, (block, deltas) in enumerate(pieces):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [{"type": "content_block_delta", "index": index, "delta": d} for d in deltas]
        events.append({"type": "content_block_stop", "index": index})
    reason = {"stop_reason": "tool_use" if turn.calls else "end_turn", "stop_sequence": None}
    events += [{"type": "message_delta", "delta": reason, "usage": spent}, {"type": "message_stop"}]
    return [_event(event) for event in events]


def _chat(turn: Turn, body: Json, number: int) -> list[bytes]:
    head: Json = {"id": f"chatcmpl-{number}", "object": "chat.completion.chunk"}
    head |= {"created": 1_700_000_000, "model": body["model"]}
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    if turn.thinking:
        deltas.append({"reasoning_content": turn.thinking})
    deltas += [{"content": word} for word in _words(turn.text)]
    for index, (name, arguments) in enumerate(turn.calls):
        call = {"index": index, "id": f"call_{number}_{index}", "type": "function"}
        deltas.append({"tool_calls": [{**call, "function": {"name": name, "arguments": ""}}]})
        part = {"index": index, "function": {"arguments": _text(arguments)}}
        deltas.append({"tool_calls": [part]})
    reasons = [None] * len(deltas) + ["tool_calls" if turn.calls else "stop"]
    choices = [
        {"index": 0, "delta": delta, "finish_reason": reason}
        for delta, reason in zip([*deltas, {}], reasons, strict=True)
    ]
    spent = {"prompt_tokens": 125, "completion_tokens": 40, "total_tokens": 165}
    events: list[Json] = [{**head, "choices": [choice]} for choice in choices]
    events.append({**head, "choices": [], "usage": spent})
    return [b"data: " + msgspec.json.encode(event) + b"\n\n" for event in events] + [
        b"data: [DONE]\n\n"
    ]


def _responses(turn: Turn, body: Json, number: int) -> list[bytes]:
    kinds = {tool.get("name"): tool["type"] for tool in body.get("tools", ())}
    items: list[Json] = []
    if turn.thinking:
        summary = [{"type": "summary_text", "text": turn.thinking}]
        sealed = {"summary": summary, "encrypted_content": "gAAAAABo"}
        items.append({"type": "reasoning", "id": f"rs_{number}", **sealed})
    content = [{"type": "output_text", "text": turn.text, "annotations": []}]
    items.append(
        {"type": "message", "id": f"msg_{number}", "role": "assistant", "content": content}
    )
    for index, (name, arguments) in enumerate(turn.calls):
        call: Json = {"id": f"fc_{number}{index}", "call_id": f"call_{number}_{index}"}
        if kinds.get(name) == "custom":
            given = {"type": "custom_tool_call", "name": name, "input": arguments["input"]}
        elif name == "tool_search":
            given = {"type": "tool_search_call", "execution": "client", "arguments": arguments}
        else:
            space, _, bare = ("", "", name) if name in kinds else name.rpartition("__")
            given = {"type": "function_call", "name": bare, "arguments": _text(arguments)}
            given |= {"namespace": space} if space else {}
        items.append({**call, **given, "status": "completed"})
    spent = {"input_tokens": 125, "output_tokens": 40, "total_tokens": 165}
    answer: Json = {"id": f"resp_{number}", "object": "response", "created_at": 1_700_000_000}
    answer |= {"model": body["model"], "status": "in_progress", "output": []}
    events: list[Json] = [{"type": "response.created", "response": answer}]
    for index, item in enumerate(items):
        place = {"output_index": index, "item": item}
        events.append({"type": "response.output_item.added", **place})
        if item["type"] == "message":
            part = {"item_id": item["id"], "output_index": index, "content_index": 0}
            kind = "response.output_text.delta"
            events += [{"type": kind, **part, "delta": word} for word in _words(turn.text)]
        events.append({"type": "response.output_item.done", **place})
    whole = {**answer, "status": "completed", "output": items, "usage": spent}
    events.append({"type": "response.completed", "response": whole})
    return [_event({**event, "sequence_number": at}) for at, event in enumerate(events)]


def _ollama(turn: Turn, body: Json, number: int) -> list[bytes]:
    said: list[Json] = [{"content": word} for word in _words(turn.text)]
    if turn.thinking and body.get("think"):
        said.insert(0, {"content": "", "thinking": turn.thinking})
    calls = [{"function": {"name": name, "arguments": given}} for name, given in turn.calls]
    if calls:
        said.append({"content": "", "tool_calls": calls})
    head: Json = {"model": body["model"], "created_at": STAMP}
    lines: list[Json] = [
        {**head, "message": {"role": "assistant", **message}, "done": False} for message in said
    ]
    end = {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}
    spent = {"total_duration": 1, "prompt_eval_count": 125, "eval_count": 40, "eval_duration": 1}
    return [msgspec.json.encode(line) + b"\n" for line in [*lines, {**head, **end, **spent}]]


_WRITERS = {
    "/messages": _messages,
    "/chat/completions": _chat,
    "/responses": _responses,
    "/api/chat": _ollama,
}


def _words(text: str) -> list[str]:
    return re.findall(r"\S+\s*", text)


def _text(arguments: Json) -> str:
    return msgspec.json.encode(arguments).decode()


def _event(event: Json) -> bytes:
    name = str(event["type"]).encode()
    return b"event: " + name + b"\ndata: " + msgspec.json.encode(event) + b"\n\n"
