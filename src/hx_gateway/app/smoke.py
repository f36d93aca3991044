"""Proves that a running gateway does its work, from outside, with nothing but its HTTP API."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from hx_gateway.app.pings import DATABASE, EMBEDDING, MODELS, QDRANT, REDIS, Run
from hx_gateway.app.probe import Said
from hx_gateway.core import wire
from hx_gateway.core.check import Check, Finding, Verdict
from hx_gateway.core.errors import UpstreamError

PORT, READY, LISTS, CHAT, SEARCH = 0, 5, 45, 82, 84
LIST_ROUTES = ("/v1/keys", "/v1/api_keys", "/v1/teams", "/v1/users")
TEXT = "The smoke test of the gateway looks for this sentence about a blue whale."
TTL_DAYS = 0.001  # a minute and a half
DEADLINE_S = 60.0  # a local model that loads first takes its time


class Asks(Protocol):
    """Whoever can ask the gateway: a `Caller`."""

    async def ask(self, path: str, body: object = None) -> Said:
        """See `Caller.ask`."""
        ...


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to try: public model names, None to leave out; whether document search is on."""

    chat_model: str | None
    embedding_model: str | None
    search: bool


def smoke_checks(caller: Asks, plan: Plan) -> tuple[Check, ...]:
    """List the checks in the order of causes."""
    wanted: Mapping[str, tuple[int, Run]] = {
        "port": (PORT, _get(caller, "port", "/livez")),
        "ready": (READY, _get(caller, "ready", "/readyz")),
        "database": (DATABASE, _dependency(caller, "database", "postgres")),
        "redis": (REDIS, _dependency(caller, "redis", "redis")),
        "qdrant": (QDRANT, _dependency(caller, "qdrant", "qdrant")),
        "models": (MODELS, _models(caller)),
        **{f"list {path}": (LISTS, _get(caller, f"list {path}", path)) for path in LIST_ROUTES},
        "chat": (CHAT, _chat(caller, plan.chat_model)),
        "embedding": (EMBEDDING, _embedding(caller, plan.embedding_model)),
        "document search": (SEARCH, _search(caller, is_on=plan.search)),
    }
    return tuple(
        Check(
            name=name,
            rank=rank,
            run=run,
            deadline_s=DEADLINE_S,
            needs=_needs(name),
        )
        for name, (rank, run) in wanted.items()
    )


def _needs(name: str) -> tuple[str, ...]:
    """Name what comes first: the cause is told, not what follows from it."""
    if name == "port":
        return ()
    if name == "ready":
        return ("port", "database", "redis", "qdrant")
    return ("port", "database") if name.startswith("list ") else ("port",)


def _get(caller: Asks, name: str, path: str) -> Run:
    async def run() -> Finding:
        said = await _ask(caller, path)
        return _judge(name, said, is_good=True)

    return run


def _dependency(caller: Asks, name: str, field: str) -> Run:
    async def run() -> Finding:
        said = await _ask(caller, "/healthz/deps")
        works = isinstance(said.value, dict) and said.value.get(field) is True
        verdict = Verdict.OK if works else Verdict.FAIL
        remedy = "" if works else "`hx-gateway doctor` says why."
        return Finding(name=name, verdict=verdict, remedy=remedy)

    return run


def _models(caller: Asks) -> Run:
    async def run() -> Finding:
        said = await _ask(caller, "/v1/models")
        return _judge("models", said, is_good=bool(_at(said.value, "data")))

    return run


def _chat(caller: Asks, model: str | None) -> Run:
    async def run() -> Finding:
        if model is None:
            return Finding(name="chat", verdict=Verdict.SKIP, detail="No chat model is configured.")
        messages = [{"role": "user", "content": "Say hello."}]
        body = {"model": model, "messages": messages, "max_tokens": 16}
        said = await _ask(caller, "/v1/chat/completions", body)
        message = _at(said.value, "choices", 0, "message")
        return _judge("chat", said, is_good=isinstance(message, dict), detail=model)

    return run


def _embedding(caller: Asks, model: str | None) -> Run:
    async def run() -> Finding:
        if model is None:
            text = "No embedding model is configured."
            return Finding(name="embedding", verdict=Verdict.SKIP, detail=text)
        said = await _ask(caller, "/v1/embeddings", {"model": model, "input": "hello"})
        vector = _at(said.value, "data", 0, "embedding")
        return _judge("embedding", said, is_good=bool(vector), detail=model)

    return run


def _search(caller: Asks, *, is_on: bool) -> Run:
    """Put a document into a namespace of its own and find it again.

    It expires: whoever searches all namespaces would find it, once for every night.
    """

    async def run() -> Finding:
        if not is_on:
            text = "Switched off, or no embedding model is configured."
            return Finding(name="document search", verdict=Verdict.SKIP, detail=text)
        namespace = f"smoke-{secrets.token_hex(8)}"
        document = {
            "namespace": namespace,
            "id": "whale",
            "text": TEXT,
            "metadata": {"ttl_days": TTL_DAYS},
        }
        said = await _ask(caller, "/v1/rag/upsert", {"documents": [document]})
        if said.status == 200:
            question = {"namespace": namespace, "query": "blue whale", "limit": 1}
            said = await _ask(caller, "/v1/rag/search", question)
        return _judge("document search", said, is_good=_found(said.value))

    return run


def _found(value: object) -> bool:
    return TEXT.encode() in wire.encode(value)


async def _ask(caller: Asks, path: str, body: object = None) -> Said:
    try:
        return await caller.ask(path, body)
    except UpstreamError:
        return Said(status=0, value=None)


def _judge(name: str, said: Said, *, is_good: bool, detail: str = "") -> Finding:
    if said.status == 0:
        text, remedy = "Nobody answers.", "Start it: `hx-gateway serve`."
        return Finding(name=name, verdict=Verdict.FAIL, detail=text, remedy=remedy, blocks=True)
    if said.status == 200 and is_good:
        return Finding(name=name, verdict=Verdict.OK, detail=detail)
    message, missing = _at(said.value, "error", "message"), _at(said.value, "missing")
    text = str(message) if message else "That is not what it should answer."
    if missing and isinstance(missing, list):
        text = f"Missing: {', '.join(map(str, missing))}."
    return Finding(
        name=name,
        verdict=Verdict.FAIL,
        detail=f"{said.status}: {text}",
        remedy=_remedy(said.status),
        blocks=True,
    )


def _remedy(status: int) -> str:
    if status in {401, 403}:
        return "Give the master key: --key-file FILE, or LITELLM_MASTER_KEY in the environment."
    return "`hx-gateway doctor` says why; the log has the request."


def _at(value: Any, *path: str | int) -> Any:
    """Walk into JSON; None where the way ends."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        elif isinstance(value, Sequence) and len(value) > step:
            value = value[step]
        else:
            return None
    return value
