"""What an Ollama server tells of itself, and how it is told to load, drop or fetch a model.

Format: https://github.com/ollama/ollama/blob/main/docs/api.md, and there `api/types.go`
(ListModelResponse, ProcessModelResponse, ShowResponse, ProgressResponse), `server/routes.go`.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from hx_gateway.core.errors import Garbled, InvalidRequest, Rejected
from hx_gateway.core.http import JSON_TYPE, HttpRequest
from hx_gateway.core.node import Installed, Progress, Resident, Shown
from hx_gateway.core.wire import NOT_JSON, encode
from hx_gateway.dialects.ollama_options import options_of

T = TypeVar("T")

_LATEST = ":latest"
_LONGEST_VERSION = 64
# As `GetModelInfo` writes a Modelfile's parameters: the name, blanks, the value.
_NUM_CTX = re.compile(r"^num_ctx\s+(\d+)\s*$", re.MULTILINE)


class _Version(msgspec.Struct):
    version: str


class _Model(msgspec.Struct):
    name: str
    digest: str | None = None
    size: int | None = None
    size_vram: int | None = None
    context_length: int | None = None
    expires_at: str | None = None
    capabilities: tuple[str, ...] | None = None


class _Models(msgspec.Struct):
    models: tuple[_Model, ...] | None = None


class _Shown(msgspec.Struct):
    parameters: str | None = None
    model_info: dict[str, Any] | None = None
    capabilities: tuple[str, ...] | None = None


class _Line(msgspec.Struct):
    status: str = ""
    digest: str = ""
    total: int = 0
    completed: int = 0
    error: str | None = None


class OllamaNode(msgspec.Struct, frozen=True, kw_only=True):
    """See `NodeWire`.

    Without more than 24 GB of video memory the window is 4096 (`server/routes.go`, Serve); with
    `truncate` false a prompt that is too long is answered 400 (`llm/llama_server.go`).
    """

    default_context: int = 4096
    refusing: Mapping[str, Raw] = msgspec.field(default_factory=lambda: {"truncate": Raw(b"false")})

    def full_name(self, model: str) -> str:
        """See `NodeWire`: a name without a tag means `:latest`."""
        return model if ":" in model.rpartition("/")[2] else model + _LATEST

    def short_name(self, model: str) -> str:
        """See `NodeWire`."""
        return model.removesuffix(_LATEST)

    def ask_version(self) -> HttpRequest:
        """See `NodeWire`."""
        return HttpRequest(method="GET", path="/api/version")

    def read_version(self, body: bytes) -> str:
        """See `NodeWire`."""
        version = _read(body, _Version).version
        if not version.isprintable() or len(version) > _LONGEST_VERSION:
            raise Garbled("The node's version is none.")
        return version

    def ask_installed(self) -> HttpRequest:
        """See `NodeWire`."""
        return HttpRequest(method="GET", path="/api/tags")

    def read_installed(self, body: bytes) -> tuple[Installed, ...]:
        """See `NodeWire`; older servers list no capabilities."""
        return tuple(
            Installed(
                name=self.full_name(model.name),
                digest=model.digest or "",
                size=model.size or 0,
                embeds_only=_embeds_only(model.capabilities),
            )
            for model in _read(body, _Models).models or ()
        )

    def ask_resident(self) -> HttpRequest:
        """See `NodeWire`."""
        return HttpRequest(method="GET", path="/api/ps")

    def read_resident(self, body: bytes) -> tuple[Resident, ...]:
        """See `NodeWire`; older servers say no context length."""
        return tuple(
            Resident(
                name=self.full_name(model.name),
                context=model.context_length or None,
                size=model.size or 0,
                vram=model.size_vram or 0,
                expires_at=model.expires_at,
            )
            for model in _read(body, _Models).models or ()
        )

    def show(self, model: str) -> HttpRequest:
        """See `NodeWire`."""
        return _post("/api/show", {"model": model})

    def read_shown(self, body: bytes) -> Shown:
        """See `NodeWire`; `model_info` names fields by architecture (`llama.context_length`)."""
        shown = _read(body, _Shown)
        set_by = _NUM_CTX.search(shown.parameters or "")
        lengths = (
            value
            for name, value in (shown.model_info or {}).items()
            if name.endswith(".context_length") and isinstance(value, int)
        )
        return Shown(
            context=int(set_by[1]) if set_by else None,
            trained=next(lengths, None),
            embeds_only=_embeds_only(shown.capabilities),
        )

    def warm(self, model: str, *, embeds_only: bool) -> HttpRequest:
        """See `NodeWire`: without a prompt, or without inputs, a model is only loaded."""
        if embeds_only:
            return _post("/api/embed", {"model": model})
        return _post("/api/generate", {"model": model, "stream": False})

    def unload(self, model: str) -> HttpRequest:
        """See `NodeWire`."""
        return _post("/api/generate", {"model": model, "keep_alive": 0, "stream": False})

    def pull(self, model: str) -> HttpRequest:
        """See `NodeWire`."""
        return _post("/api/pull", {"model": model, "stream": True})

    def read_progress(self, line: bytes) -> Progress:
        """See `NodeWire`."""
        said = _read(line, _Line)
        if said.error is not None:
            raise Rejected(said.error, status=502)
        return Progress(
            status=said.status, digest=said.digest, total=said.total, completed=said.completed
        )

    def complaint(self, body: bytes) -> str | None:
        """See `NodeWire`."""
        try:
            return _read(body, _Line).error
        except Garbled:
            return None

    def wanted_context(self, fields: Mapping[str, Raw]) -> int | None:
        """See `NodeWire`: `num_ctx` by name or among the `options`."""
        if "num_ctx" not in fields and "options" not in fields:
            return None
        try:
            wanted = options_of(fields).get("num_ctx")
            return msgspec.json.decode(wanted, type=int) if isinstance(wanted, Raw) else None
        except (InvalidRequest, *NOT_JSON):
            return None  # whoever answers will say so


def _embeds_only(capabilities: tuple[str, ...] | None) -> bool | None:
    if not capabilities:
        return None
    return "embedding" in capabilities and "completion" not in capabilities


def _post(path: str, body: Mapping[str, object]) -> HttpRequest:
    return HttpRequest(path=path, headers=(JSON_TYPE,), body=encode(body))


def _read(body: bytes, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=type_)
    except NOT_JSON:
        raise Garbled("The node's answer is none of its kind.") from None


WIRE = OllamaNode()
