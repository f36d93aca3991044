"""Golden files: shared calls, and one folder per vendor with what it makes of them."""

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from hx_gateway.adapter.form import prepare_form
from hx_gateway.adapter.request import Prepared, prepare
from hx_gateway.core import wire
from hx_gateway.core.call import Call, Operation
from hx_gateway.core.event import Event
from hx_gateway.core.http import Chunks, HttpRequest, Origin
from hx_gateway.core.provider import Decoder, Provider, WayOut
from hx_gateway.core.route import Deployment
from hx_gateway.core.secret import Secret
from hx_gateway.dialects.opaque import OpaqueOut
from hx_gateway.pipeline.reply import Canned
from hx_gateway.providers.registry import PROVIDERS

ROOT = Path(__file__).parent.parent / "golden"
CREDENTIAL = "sk-golden-credential"

# Which operation and dialect the calls of a folder are.
KINDS = {
    "chat": (Operation.CHAT, "openai_chat"),
    "complete": (Operation.COMPLETE, "openai_completions"),
    "messages": (Operation.CHAT, "anthropic_messages"),
    "responses": (Operation.CHAT, "openai_responses"),
    "embed": (Operation.EMBED, "openai_embeddings"),
    "rerank": (Operation.RERANK, "cohere_rerank"),
    "moderate": (Operation.MODERATE, "openai_moderations"),
    "image": (Operation.IMAGE, "openai_images"),
    "image_edit": (Operation.IMAGE_EDIT, "openai_image_edits"),
    "image_variation": (Operation.IMAGE_VARIATION, "openai_image_variations"),
    "speech": (Operation.SPEECH, "openai_speech"),
    "transcribe": (Operation.TRANSCRIBE, "openai_transcriptions"),
    "translate_audio": (Operation.TRANSLATE_AUDIO, "openai_audio_translations"),
}
VENDORS = sorted(path.name for path in ROOT.iterdir() if path.name in PROVIDERS)


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One vendor and one shared call, or one recorded answer."""

    vendor: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.vendor}-{self.kind}.{self.name}"

    @property
    def provider(self) -> Provider:
        return PROVIDERS[self.vendor]

    @property
    def out(self) -> WayOut:
        return self.prepared().out

    def prepared(self) -> Prepared:
        """What the vendor is sent; a form with its bytes."""
        call = self.call()
        if call.form is None:
            return prepare(call, self.deployment())
        prepared, rewriter = prepare_form(
            call, call.form, self.deployment(), left_out=frozenset(), refused=frozenset()
        )
        body = rewriter.feed(call.form.whole or b"") + rewriter.end()
        request = msgspec.structs.replace(prepared.request, body=body)
        return msgspec.structs.replace(prepared, request=request)

    def call(self) -> Call:
        return load_call(self.kind, self.name)

    def deployment(self, **fields: Any) -> Deployment:
        return deployment_of(self.provider, **fields)

    @property
    def is_carried(self) -> bool:
        """Whether its answer is a stream that is passed on, whatever it says."""
        kind = recorded(self.path("response.http"))[1][b"content-type"]
        return isinstance(self.out, OpaqueOut) and kind.startswith(b"text/event-stream")

    def path(self, ending: str) -> Path:
        return ROOT / self.vendor / f"{self.kind}.{self.name}.{ending}"


def deployment_of(provider: Provider, **fields: Any) -> Deployment:
    # At home there: the vendor's own address speaks all its formats.
    return Deployment(
        id="golden",
        provider=msgspec.structs.replace(provider, base_url="http://upstream.test"),
        model="upstream-model",
        origin=Origin(host="upstream.test"),
        credential=Secret(CREDENTIAL),
        **fields,
    )


def load_call(kind: str, name: str) -> Call:
    """Read a shared call, as the edge would have parsed it."""
    path = ROOT / "calls" / kind / f"{name}.form"
    if path.exists():
        return form_call_of(kind, path.read_bytes().replace(b"\n", b"\r\n"))
    return call_of(kind, path.with_suffix(".json").read_bytes())


class WholeForm:
    """A form that is there; see `Form`."""

    boundary = b"client"
    fresh_boundary = b"fresh"
    is_repeatable = is_given = True
    digest: str | None = None

    def __init__(self, body: bytes) -> None:
        self.whole: bytes | None = body
        self.size: int | None = len(body)

    def pieces(self) -> Chunks:
        return Canned(self.whole or b"")


def form_call_of(kind: str, body: bytes) -> Call:
    operation, dialect = KINDS[kind]
    return Call(
        id="golden-call",
        operation=operation,
        dialect=dialect,
        model="public",
        fields={},
        form=WholeForm(body),
    )


def call_of(kind: str, body: bytes) -> Call:
    fields = wire.decode_fields(body)
    operation, dialect = KINDS[kind]
    options = msgspec.json.decode(fields.get("stream_options", b"{}"), type=dict[str, bool])
    return Call(
        id="golden-call",
        operation=operation,
        dialect=dialect,
        model=wire.text_field(fields, "model") or "",
        fields=fields,
        stream=wire.bool_field(fields, "stream"),
        wants_usage=options.get("include_usage", False),
        created=1_700_000_000,
    )


def request_cases() -> list[Case]:
    """Every vendor with every shared call of an operation it speaks."""
    return [
        Case(vendor=vendor, kind=path.parent.name, name=path.stem)
        for vendor in VENDORS
        for path in sorted([*ROOT.glob("calls/*/*.json"), *ROOT.glob("calls/*/*.form")])
        if KINDS[path.parent.name][0] in PROVIDERS[vendor].speaks
    ]


def relayed_cases() -> list[Case]:
    """Those of them whose dialect the vendor speaks."""
    return [
        case
        for case in request_cases()
        for operation, dialect in [KINDS[case.kind]]
        if dialect in {way.name for way in case.provider.speaks[operation]}
        if case.call().form is None
    ]


def answer_cases(*, stream: bool) -> list[Case]:
    """Every recorded answer that could be translated: streams, or whole ones."""
    return [
        case for case in _recorded_cases() if not case.is_carried and case.call().stream is stream
    ]


def carried_cases() -> list[Case]:
    """Every recorded stream of what nobody translates: pictures, sounds, transcripts."""
    return [case for case in _recorded_cases() if case.is_carried]


def _recorded_cases() -> list[Case]:
    paths = sorted(set(ROOT.glob("*/*.response.http")) - set(error_paths()))
    return [
        Case(vendor=path.parent.name, kind=kind, name=name)
        for path in paths
        for kind, name in [path.name.removesuffix(".response.http").split(".", 1)]
    ]


def error_paths() -> list[Path]:
    """Every recorded error answer."""
    return sorted(ROOT.glob("*/error.*.response.http"))


def masked(prepared: Prepared) -> dict[str, object]:
    """Show a request for review, without the credential."""
    request = prepared.request
    return {
        "method": request.method,
        "path": request.path,
        "headers": {
            name.decode(): value.decode().replace(CREDENTIAL, "***")
            for name, value in request.headers
        },
        "body": _shown(request),
        "relayed": prepared.relayed,
        "changed": prepared.changed,
    }


def _shown(request: HttpRequest) -> object:
    if dict(request.headers)[b"content-type"].startswith(b"multipart/"):
        return request.body.decode().split("\r\n")
    return wire.decode_any(request.body)


def recorded(path: Path) -> tuple[int, dict[bytes, bytes], bytes]:
    """Read an answer: `HTTP/1.1 200`, headers, a blank line, the body; line ends are plain."""
    head, _, body = path.read_bytes().partition(b"\n\n")
    status, *lines = head.split(b"\n")
    headers = dict(line.lower().split(b": ", 1) for line in lines)
    return int(status.split()[1]), headers, body


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """Cut bytes at some places."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


def decoded(decoder: Decoder, data: Iterable[bytes]) -> list[Event]:
    """Decode a whole stream."""
    return [*(event for piece in data for event in decoder.feed(piece)), *decoder.end()]


class Golden:
    """Compares with the files, or writes them."""

    def __init__(self, *, write: bool) -> None:
        self._write = write

    def check(self, path: Path, value: object) -> None:
        """Assert that the file holds this value, as indented JSON."""
        shown = msgspec.json.format(wire.encode(value), indent=2) + b"\n"
        if self._write:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(shown)
        assert path.is_file(), "no golden file: look at it with `make golden`, then commit it"
        assert shown.decode() == path.read_text(encoding="utf-8")
