"""A scripted Ollama node: the native API, with models that are installed, resident or missing.

Wire format: https://github.com/ollama/ollama/blob/main/docs/api.md (and api/types.go for fields
that the page leaves out). Durations are nanoseconds; streams are newline-delimited JSON.
"""

import asyncio
import hashlib
from collections import deque
from typing import Any

import msgspec
from tests.support.listener import Asked, Listener, Wire
from tests.support.upstream import Mode, prompt
from tests.support.vectors import embed

STAMP = "2025-01-01T00:00:00.000000000Z"
NDJSON = "application/x-ndjson"
EXACTLY = "Return exactly the text: "


class Ollama(Listener):
    """One node. `installed` maps a model to its capabilities; `resident` is what is loaded.

    `load_s` passes when a model that is not resident is asked; `context` is its `num_ctx`. Each
    model works on `parallel` calls at once, the others wait in order, `max_queue` at most. Prompts
    are counted in words; what is longer than the window is cut, or refused with `truncate` false.
    `mode` and `script` work as in `Upstream`: HANG, FAIL (with `status`), GARBAGE, ERROR_MIDWAY,
    CUT_MIDWAY, RESET_MIDWAY. `tool_call` answers the next chat that offers tools; `thinking`
    precedes an answer when the request has `think`. Chats wait for `gate`, streams after their first
    piece.
    """

    def __init__(
        self, installed: dict[str, tuple[str, ...]] | None = None, *, dimension: int = 384
    ) -> None:
        """Names without a tag get `:latest`, as Ollama does it."""
        super().__init__(self._handle)
        wanted = installed or {"llama3.2": ("completion", "tools"), "all-minilm": ("embedding",)}
        self.installed = {tagged(name): able for name, able in wanted.items()}
        self.resident: dict[str, int] = {}
        self.dimension = dimension
        self.context = 4096
        self.version = "0.12.6"
        self.load_s = 0.0
        self.pace_s = 0.0
        self.gate = asyncio.Event()
        self.gate.set()
        self.delay_s = 0.0
        self.mode = Mode.WELL
        self.script: deque[Mode] = deque()
        self.status = 500
        self.thinking = "Let me think."
        self.tool_call: dict[str, Any] | None = None
        self.parallel = 4
        self.max_queue = 512
        self.unpullable: set[str] = set()
        self.in_flight = 0
        self.most_in_flight = 0
        self._slots: dict[str, asyncio.Semaphore] = {}

    async def _handle(self, asked: Asked, wire: Wire) -> None:
        mode = self.script.popleft() if self.script else self.mode
        await asyncio.sleep(self.delay_s)
        if mode is Mode.HANG:
            await asyncio.Event().wait()
        elif mode is Mode.FAIL:
            await wire.json({"error": "it broke"}, self.status)
        elif mode is Mode.GARBAGE:
            await wire.answer(200, b"<html>not JSON</html>")
        elif asked.method == "GET":
            await self._get(asked, wire)
        else:
            await self._post(asked, wire, mode)

    async def _get(self, asked: Asked, wire: Wire) -> None:
        match asked.path:
            case "/":
                await wire.answer(200, b"Ollama is running", kind="text/plain; charset=utf-8")
            case "/api/version":
                await wire.json({"version": self.version})
            case "/api/tags":
                await wire.json(
                    {"models": [listed(name, able) for name, able in self.installed.items()]}
                )
            case "/api/ps":
                await wire.json({"models": [self._running(name) for name in self.resident]})
            case _:
                await wire.answer(404, b"404 page not found", kind="text/plain")

    async def _post(self, asked: Asked, wire: Wire, mode: Mode) -> None:
        body = asked.json()
        if asked.path == "/api/pull":
            await self._pull(body, wire)
            return
        name = tagged(body.get("model", ""))
        if name not in self.installed:
            await wire.json({"error": f"model '{body.get('model')}' not found"}, 404)
            return
        match asked.path:
            case "/api/show":
                await wire.json(self._shown(name))
            case "/api/embed":
                await self._embed(body, name, wire, mode)
            case "/api/chat":
                await self._chat(body, name, wire, mode)
            case "/api/generate":
                if "completion" not in self.installed[name] and not _unloads(body):
                    text = f'"{body["model"]}" does not support generate'
                    await wire.json({"error": text}, 400)
                    return
                await self._load(body, name, wire, {"response": ""})
            case _:
                await wire.answer(404, b"404 page not found", kind="text/plain")

    async def _chat(self, body: dict[str, Any], name: str, wire: Wire, mode: Mode) -> None:
        if "completion" not in self.installed[name]:
            await wire.json({"error": f'"{body["model"]}" does not support chat'}, 400)
        elif body.get("tools") and "tools" not in self.installed[name]:
            await wire.json({"error": f"{body['model']} does not support tools"}, 400)
        elif not body.get("messages"):
            await self._load(body, name, wire, {"message": {"role": "assistant", "content": ""}})
        else:
            await self._work(body, name, wire, mode)

    async def _work(self, body: dict[str, Any], name: str, wire: Wire, mode: Mode) -> None:
        slots = self._slots.setdefault(name, asyncio.Semaphore(self.parallel))
        if self.in_flight >= self.parallel + self.max_queue:
            text = "server busy, please try again.  maximum pending requests exceeded"
            await wire.json({"error": text}, 503)
            return
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            async with slots:
                await self._warm(name, body)
                words = len(prompt(body).split())
                if body.get("truncate") is False and words > self.resident[name]:
                    text = "the input length exceeds the context length"
                    await wire.json({"error": text}, 400)
                    return
                await self._talk(body, wire, mode, min(words, self.resident[name]))
        finally:
            self.in_flight -= 1

    async def _talk(self, body: dict[str, Any], wire: Wire, mode: Mode, read: int) -> None:
        text = prompt(body).partition(EXACTLY)[2] or f"You said: {prompt(body)}"
        messages = self._messages(body, text)
        end = {
            "model": body["model"],
            "created_at": STAMP,
            "message": {"role": "assistant", "content": ""},
            "done": True,
            "done_reason": "stop",
            **durations(prompt=read, answer=len(text.split())),
        }
        if body.get("stream", True) is False:
            await asyncio.sleep(self.pace_s * len(messages))
            await self.gate.wait()
            await wire.json({**end, "message": _merged(messages)})
            return
        await wire.begin(kind=NDJSON)
        for number, message in enumerate(messages):
            if number == 1 and mode in {Mode.ERROR_MIDWAY, Mode.CUT_MIDWAY, Mode.RESET_MIDWAY}:
                await _break(wire, mode)
                return
            part = {"model": body["model"], "created_at": STAMP, "message": message, "done": False}
            await wire.piece(msgspec.json.encode(part) + b"\n")
            await asyncio.sleep(self.pace_s)
            await self.gate.wait()
        await wire.piece(msgspec.json.encode(end) + b"\n")
        await wire.end()

    def _messages(self, body: dict[str, Any], text: str) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        if body.get("think"):
            messages.append({"role": "assistant", "content": "", "thinking": self.thinking})
        if body.get("tools") and self.tool_call is not None:
            call = {"function": self.tool_call}
            return [*messages, {"role": "assistant", "content": "", "tool_calls": [call]}]
        words = text.split(" ")
        pieces = [word if not i else f" {word}" for i, word in enumerate(words)]
        return messages + [{"role": "assistant", "content": piece} for piece in pieces]

    async def _embed(self, body: dict[str, Any], name: str, wire: Wire, mode: Mode) -> None:
        await self._warm(name, body)
        given = body.get("input") or []
        inputs = [given] if isinstance(given, str) else given
        if mode is Mode.SHORT_COUNT:
            inputs = inputs[:-1]
        empty = mode is Mode.EMPTY_VECTOR
        vectors = [[] if empty else embed(text, self.dimension) for text in inputs]
        answer: dict[str, Any] = {"model": body["model"], "embeddings": vectors}
        counted = sum(len(text.split()) for text in inputs)
        spent = {"total_duration": 14_143_917, "load_duration": 1_019_500}
        await wire.json({**answer, **spent, "prompt_eval_count": counted})

    async def _load(
        self, body: dict[str, Any], name: str, wire: Wire, content: dict[str, Any]
    ) -> None:
        unload = _unloads(body)
        if unload:
            self.resident.pop(name, None)
        else:
            await self._warm(name, body)
        end = {"done": True, "done_reason": "unload" if unload else "load"}
        await wire.json({"model": body["model"], "created_at": STAMP, **content, **end})

    async def _warm(self, name: str, body: dict[str, Any]) -> None:
        if name not in self.resident:
            await asyncio.sleep(self.load_s)
        self.resident[name] = (body.get("options") or {}).get("num_ctx", self.context)

    async def _pull(self, body: dict[str, Any], wire: Wire) -> None:
        name = tagged(body["model"])
        digest = "sha256:" + hashlib.sha256(name.encode()).hexdigest()
        layer = {"status": f"pulling {digest[7:19]}", "digest": digest, "total": 1000}
        if body["model"] in self.unpullable:
            await wire.begin(kind=NDJSON)
            await wire.piece(b'{"status":"pulling manifest"}\n')
            await wire.piece(b'{"error":"pull model manifest: file does not exist"}\n')
            await wire.end()
            return
        steps = [{"status": "pulling manifest"}, layer]
        steps += [{**layer, "completed": done} for done in (250, 500, 1000)]
        steps += [{"status": "verifying sha256 digest"}, {"status": "writing manifest"}]
        self.installed[name] = ("completion", "tools")
        if body.get("stream", True) is False:
            await wire.json({"status": "success"})
            return
        await wire.begin(kind=NDJSON)
        for step in [*steps, {"status": "success"}]:
            await wire.piece(msgspec.json.encode(step) + b"\n")
            await asyncio.sleep(self.pace_s)
        await wire.end()

    def _shown(self, name: str) -> dict[str, Any]:
        return {
            "license": "scripted",
            "modelfile": f"FROM {name}\nPARAMETER num_ctx {self.context}",
            "parameters": f"num_ctx                        {self.context}",
            "template": "{{ .Prompt }}",
            "details": details(),
            "model_info": {
                "general.architecture": "llama",
                "general.parameter_count": 3212749888,
                "llama.context_length": 131072,
                "llama.embedding_length": self.dimension,
            },
            "capabilities": list(self.installed[name]),
            "modified_at": STAMP,
        }

    def _running(self, name: str) -> dict[str, Any]:
        sizes = {"size_vram": 2_000_000_000, "context_length": self.resident[name]}
        return {**listed(name), "expires_at": "2318-01-01T00:00:00Z", **sizes}


def tagged(name: str) -> str:
    """The full name of a model."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _unloads(body: dict[str, Any]) -> bool:
    return body.get("keep_alive") in {0, "0", "0s"}


def listed(name: str, able: tuple[str, ...] | None = None) -> dict[str, Any]:
    """One model as `/api/tags` lists it; `/api/ps` says nothing of what it can do."""
    more = {} if able is None else {"capabilities": list(able)}
    return {**_listed(name), **more}


def _listed(name: str) -> dict[str, Any]:
    digest = hashlib.sha256(name.encode()).hexdigest()
    base = {"name": name, "model": name, "modified_at": STAMP, "size": 2_019_393_189}
    return {**base, "digest": digest, "details": details()}


def details() -> dict[str, Any]:
    """The family and size of a model."""
    return {
        "parent_model": "",
        "format": "gguf",
        "family": "llama",
        "families": ["llama"],
        "parameter_size": "3.2B",
        "quantization_level": "Q4_K_M",
    }


def durations(*, prompt: int, answer: int) -> dict[str, int]:
    """What the last object of an answer counts, in tokens and nanoseconds."""
    return {
        "total_duration": 4_883_583_458,
        "load_duration": 1_334_875,
        "prompt_eval_count": max(prompt, 1),
        "prompt_eval_duration": 342_546_000,
        "eval_count": max(answer, 1),
        "eval_duration": 4_535_599_000,
    }


def _merged(messages: list[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {"role": "assistant", "content": ""}
    for message in messages:
        merged["content"] += message["content"]
        merged |= {key: message[key] for key in ("thinking", "tool_calls") if key in message}
    return merged


async def _break(wire: Wire, mode: Mode) -> None:
    if mode is Mode.ERROR_MIDWAY:
        await wire.piece(b'{"error":"an error was encountered while running the model"}\n')
        await wire.end()
    elif mode is Mode.CUT_MIDWAY:
        wire.close()
    else:
        await asyncio.sleep(0.02)
        wire.reset()
