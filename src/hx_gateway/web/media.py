"""The routes beside text: rerank, moderations, pictures, speech, transcription."""

from collections.abc import Awaitable

import msgspec

from hx_gateway.cache.wish import read_wish
from hx_gateway.core.call import CacheWish, Call, Operation
from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import WrongType
from hx_gateway.core.http import SSE_TYPE, Response
from hx_gateway.core.principal import Scope
from hx_gateway.core.snapshot import ServerSettings
from hx_gateway.pipeline.handle import Pipeline
from hx_gateway.pipeline.hints import HintReader
from hx_gateway.pipeline.reply import Canned
from hx_gateway.pipeline.tags import take_tags
from hx_gateway.pipeline.wishes import read_wishes
from hx_gateway.web.endpoint import Endpoint, Handler, Visit
from hx_gateway.web.form import IncomingForm, gather
from hx_gateway.web.inference import COMMENT, ERRORS, Inference, posts
from hx_gateway.web.spool import Spool, SpoolRoom

_FORM = b"multipart/form-data"
_JSON = b"application/json"


class Forms:
    """Handlers of the routes that take files. Nothing of a file is held once it is known where to.

    The whole rule is in docs/decisions/0011-forms.md.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        settings: ServerSettings,
        clock: Clock,
        room: SpoolRoom,
        hints: HintReader | None = None,
    ) -> None:
        """`room` is where uploads wait that name their model after the file."""
        self._pipeline = pipeline
        self._inference = Inference(pipeline, settings, clock, hints)
        self._hints = hints
        self._max_json = settings.max_body
        self._clock = clock
        self._room = room

    def handler(self, operation: Operation, dialect: str, *, takes_json: bool = False) -> Handler:
        """Make the handler of one operation; some have a JSON form too."""

        def handle(visit: Visit) -> Awaitable[Response]:
            kind = visit.request.headers.get(b"content-type", b"")
            media = kind.partition(b";")[0].strip().lower()
            if media == _FORM:
                return self._take_form(visit, operation, dialect, kind)
            if takes_json and media == _JSON:
                return self._take_json(visit, operation, dialect)
            raise WrongType("The body must be a form (multipart/form-data).")

        return handle

    async def _take_json(self, visit: Visit, operation: Operation, dialect: str) -> Response:
        request = visit.request
        if request.stream is not None:
            request.body = await gather(request.stream, self._max_json)
        return await self._inference.handler(operation, dialect)(visit)

    async def _take_form(
        self, visit: Visit, operation: Operation, dialect: str, kind: bytes
    ) -> Response:
        request = visit.request
        cached = self._pipeline.cached
        form = IncomingForm(
            request.stream or Canned(request.body),
            kind,
            Spool(self._room),
            with_digest=cached is not None and operation is Operation.TRANSCRIBE,
        )
        try:
            model = await form.find_model(visit.path.get("model"))
            if not model:
                model = self._pipeline.table.default(request.header(b"x-hx-model-group"))
            hints = self._hints
            call = Call(
                id=visit.id,
                operation=operation,
                dialect=dialect,
                model=model,
                fields={},
                form=form,
                tags=take_tags({}, {}, request.headers),
                wishes=read_wishes({}, request.headers, model),
                started_at=self._clock.monotonic(),
                created=int(self._clock.now()),
                cache=self._cache_wish(visit),
                hints=None if hints is None else hints.read(request.headers, {}, {}),
            )
            if cached is not None and cached.concerns(call):
                await form.read_all()  # it is known by all that is in it
            visit.is_recorded = True
            response = await self._pipeline.handle(call, visit.caller)
        finally:
            await form.aclose()
        if SSE_TYPE in response.headers:
            response.heartbeat = COMMENT
        return response

    def _cache_wish(self, visit: Visit) -> CacheWish | None:
        """Read what the key and `Cache-Control` say; a form has no place for more."""
        if self._pipeline.cached is None:
            return None
        return read_wish(None, visit.request.header(b"cache-control"), visit.caller)


def endpoints(
    pipeline: Pipeline,
    settings: ServerSettings,
    clock: Clock,
    room: SpoolRoom,
    hints: HintReader | None = None,
) -> tuple[Endpoint, ...]:
    """Make the endpoints of the family; all their models are asked through `pipeline`."""
    inference = Inference(pipeline, settings, clock, hints)
    return (
        *_reranks(inference),
        *posts(
            inference.handler(Operation.MODERATE, "openai_moderations"),
            "moderate",
            "moderations",
            "Judge whether content is harmful (OpenAI moderations)",
        ),
        *posts(
            inference.handler(Operation.IMAGE, "openai_images"),
            "image",
            "images/generations",
            "Make pictures (OpenAI images)",
        ),
        *posts(
            inference.handler(Operation.SPEECH, "openai_speech"),
            "speech",
            "audio/speech",
            "Speak a text (OpenAI speech)",
        ),
        *_uploads(Forms(pipeline, settings, clock, room, hints), settings.max_upload),
    )


def _reranks(inference: Inference) -> list[Endpoint]:
    return [
        Endpoint(
            method="POST",
            path=path,
            scope=Scope.INFERENCE,
            handler=inference.handler(Operation.RERANK, "cohere_rerank"),
            name=name,
            summary="Order documents by how well they answer a query (Cohere's shape)",
            tag="inference",
            errors=ERRORS,
            listed=name == "rerank",
        )
        for path, name in (
            ("/v1/rerank", "rerank"),
            ("/v2/rerank", "rerank_1"),
            ("/rerank", "rerank_2"),
        )
    ]


def _uploads(forms: Forms, max_bytes: int) -> list[Endpoint]:
    made = (
        *posts(
            forms.handler(Operation.TRANSCRIBE, "openai_transcriptions"),
            "transcribe",
            "audio/transcriptions",
            "Write down what is said in a recording (OpenAI transcriptions)",
        ),
        *posts(
            forms.handler(Operation.TRANSLATE_AUDIO, "openai_audio_translations"),
            "translate_audio",
            "audio/translations",
            "Write down in English what is said in a recording (OpenAI translations)",
        ),
        *posts(
            forms.handler(Operation.IMAGE_EDIT, "openai_image_edits", takes_json=True),
            "image_edit",
            "images/edits",
            "Change pictures (OpenAI image edits)",
        ),
        *posts(
            forms.handler(Operation.IMAGE_VARIATION, "openai_image_variations"),
            "image_variation",
            "images/variations",
            "Make a picture like another (OpenAI image variations)",
        ),
    )
    return [
        msgspec.structs.replace(
            each, streamed=True, max_body=max_bytes, takes=_FORM.decode(), errors=(*ERRORS, 415)
        )
        for each in made
    ]
