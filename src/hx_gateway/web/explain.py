"""The route that explains a call instead of making it."""

import re
from collections.abc import Mapping

import msgspec
from msgspec import Raw

from hx_gateway.auth.keyring import Keyring
from hx_gateway.core import wire
from hx_gateway.core.call import Operation
from hx_gateway.core.errors import Forbidden, InvalidRequest, NotFound, Unauthenticated
from hx_gateway.core.http import Request, Response
from hx_gateway.core.principal import Principal, Scope
from hx_gateway.manage.keys import KeyService
from hx_gateway.pipeline.explain import Explainer, Explanation, problem_of, refused
from hx_gateway.web.endpoint import Endpoint, Visit
from hx_gateway.web.inference import Inference
from hx_gateway.web.respond import json_response

# By the end of the path; whatever else is sent to such a path is what this one would get.
KINDS: Mapping[str, tuple[Operation, str]] = {
    "chat/completions": (Operation.CHAT, "openai_chat"),
    "completions": (Operation.COMPLETE, "openai_completions"),
    "embeddings": (Operation.EMBED, "openai_embeddings"),
    "messages": (Operation.CHAT, "anthropic_messages"),
    "responses": (Operation.CHAT, "openai_responses"),
    "rerank": (Operation.RERANK, "cohere_rerank"),
    "moderations": (Operation.MODERATE, "openai_moderations"),
    "images/generations": (Operation.IMAGE, "openai_images"),
    "images/edits": (Operation.IMAGE_EDIT, "openai_image_edits"),
    "audio/speech": (Operation.SPEECH, "openai_speech"),
}
# Routes that take only forms.
FORMS = ("/audio/transcriptions", "/audio/translations", "/images/variations")
_PATH = re.compile(
    r"(?:/v[12]|/openai/v1|/engines/(?P<engine>.+?)|/openai/deployments/(?P<deployment>.+?))?/"
    f"(?P<kind>{'|'.join(map(re.escape, KINDS))})"
)


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A call to be explained: what would be sent as its body, to which path, by which key.

    `key` is another key's hash or alias and needs the admin scope; without it one's own is meant.
    """

    request: dict[str, Raw]
    path: str = "/v1/chat/completions"
    headers: dict[str, str] = {}
    key: str | None = None


class ExplainRoute:
    """The handler over an explainer; keys are judged as at the door."""

    def __init__(
        self, explainer: Explainer, inference: Inference, keys: KeyService, keyring: Keyring
    ) -> None:
        """All of them belong to one snapshot, but for the keys."""
        self._explainer = explainer
        self._inference = inference
        self._keys = keys
        self._keyring = keyring

    async def explain(self, visit: Visit) -> Response:
        """Explain a call; 200 also when the call itself would be refused."""
        asked: Asked = visit.body
        is_admin = visit.caller.has_scope(Scope.ADMIN)
        if asked.key is not None and not is_admin:
            raise Forbidden("This key may only explain its own calls.", code="missing_scope")
        operation, dialect, model = kind_of(asked.path)
        try:
            principal = await self._principal(asked.key, visit.caller)
        except (Unauthenticated, NotFound) as error:
            return json_response(
                Explanation(
                    key=refused(asked.key or "", error),
                    operation=operation,
                    format=dialect,
                    model=model or wire.text_field(asked.request, "model") or "",
                    stream=False,
                    problem=problem_of(error),
                )
            )
        told = explained(self._explainer, self._inference, asked, principal, is_admin=is_admin)
        return json_response(told)

    async def _principal(self, key: str | None, caller: Principal) -> Principal:
        if key is None:
            return caller
        return await self._keyring.find(await self._keys.resolve(key))


def explained(
    explainer: Explainer,
    inference: Inference,
    asked: Asked,
    principal: Principal,
    *,
    is_admin: bool,
) -> Explanation:
    """Read what is asked as the call that it would have been, and explain that."""
    operation, dialect, model = kind_of(asked.path)
    visit = _visit_of(asked, principal)
    visit.path = {} if model is None else {"model": model}
    call = inference.call(visit, operation, dialect)
    is_named = bool(model or wire.text_field(asked.request, "model"))
    return explainer.explain(call, principal, named=is_named, shows_address=is_admin)


def kind_of(path: str) -> tuple[Operation, str, str | None]:
    """Say what is asked at a path, in which format, and the model it names, if any."""
    found = _PATH.fullmatch(path.partition("?")[0])
    if found is None:
        if path.endswith(FORMS):
            raise InvalidRequest(
                "That route takes a form with a file (multipart/form-data), and only calls of JSON "
                "can be explained. A form finds its model and deployment as any other call does.",
                param="path",
                code="unsupported_operation",
            )
        raise InvalidRequest(
            f"'path' must be a route that takes JSON and asks a model: /v1/ and one of "
            f"{', '.join(KINDS)}.",
            param="path",
        )
    operation, dialect = KINDS[found["kind"]]
    return operation, dialect, found["engine"] or found["deployment"]


def _visit_of(asked: Asked, principal: Principal) -> Visit:
    headers = {
        name.lower().encode("latin-1", "replace"): value.encode("latin-1", "replace")
        for name, value in asked.headers.items()
    }
    request = Request("POST", asked.path, "", headers, body=wire.encode(asked.request))
    return Visit("explained", request, principal)


def endpoints(route: ExplainRoute) -> tuple[Endpoint, ...]:
    """Make the endpoint."""
    return (
        Endpoint(
            method="POST",
            path="/v1/explain",
            scope=Scope.INFERENCE,
            handler=route.explain,
            name="explain",
            summary="Explain what would become of a call, without making it",
            tag="inference",
            body=Asked,
            answer=Explanation,
            errors=(400, 403, 413, 422),
        ),
    )
