"""Is it alive, is it ready, what is missing. Open to all, so names by role only, no address.

Nothing here reaches an upstream model: the checks see to that.
"""

from collections.abc import Sequence

import msgspec

from hx_gateway.core.check import Finding, Verdict
from hx_gateway.core.http import Response
from hx_gateway.core.principal import Scope
from hx_gateway.manage.checks import Checkup
from hx_gateway.web.endpoint import Endpoint, Handler, Visit
from hx_gateway.web.respond import json_response

DATABASE = "database"
REDIS = "redis"
QDRANT = "qdrant"


class Healthz(msgspec.Struct, frozen=True, kw_only=True):
    """The process answers; says nothing about what it depends on."""

    ok: bool = True
    status: str = "ok"


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """The process answers."""

    alive: bool = True


class CheckView(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found."""

    name: str
    verdict: str
    detail: str
    remedy: str


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """`status` is ready, degraded (works without what `missing` names), not ready, or draining."""

    status: str
    missing: list[str]
    checks: list[CheckView]


class Dependencies(msgspec.Struct, frozen=True, kw_only=True):
    """What works. Without a server of its own a dependency is its embedded stand-in."""

    postgres: bool
    redis: bool
    qdrant: bool
    embedding_model: str
    missing: list[str]


class LiteLLMReadiness(msgspec.Struct, frozen=True, kw_only=True):
    """LiteLLM's form of readiness."""

    status: str
    db: str


class HealthRoutes:
    """Handlers of the health routes."""

    def __init__(self, checkup: Checkup, embedding_model: str) -> None:
        """`embedding_model` is the public name of the model that documents are embedded with."""
        self._checkup = checkup
        self._embedding_model = embedding_model

    async def livez(self, _visit: Visit) -> Response:
        """Answer."""
        return json_response(Alive())

    async def healthz(self, _visit: Visit) -> Response:
        """Answer, in the form of older clients."""
        return json_response(Healthz())

    async def liveliness(self, _visit: Visit) -> Response:
        """Answer, in LiteLLM's form."""
        return json_response("I'm alive!")

    async def readyz(self, _visit: Visit) -> Response:
        """Say whether to send requests here, and name what is missing."""
        found = await self._checkup.findings()
        status = readiness(found, is_draining=self._checkup.is_draining)
        body = Readiness(
            status=status,
            missing=_missing(found),
            checks=[
                CheckView(
                    name=one.name, verdict=one.verdict.value, detail=one.detail, remedy=one.remedy
                )
                for one in found
            ],
        )
        return _by_status(body, ok=status in {"ready", "degraded"})

    async def deps(self, _visit: Visit) -> Response:
        """Say of each dependency whether it works; 503 when one does not."""
        found = await self._checkup.findings()
        body = Dependencies(
            postgres=_works(found, DATABASE),
            redis=_works(found, REDIS),
            qdrant=_works(found, QDRANT),
            embedding_model=self._embedding_model,
            missing=_missing(found),
        )
        return _by_status(body, ok=body.postgres and body.redis and body.qdrant)

    async def litellm_readiness(self, _visit: Visit) -> Response:
        """Say whether to send requests here, in LiteLLM's form."""
        found = await self._checkup.findings()
        status = readiness(found, is_draining=self._checkup.is_draining)
        ok = status in {"ready", "degraded"}
        body = LiteLLMReadiness(
            status="healthy" if ok else "unhealthy",
            db="connected" if _works(found, DATABASE) else "Not connected",
        )
        return _by_status(body, ok=ok)


def readiness(found: Sequence[Finding], *, is_draining: bool) -> str:
    """Sum findings up in one word."""
    if is_draining:
        return "draining"
    failed = [one for one in found if one.verdict is Verdict.FAIL]
    if any(one.blocks for one in failed):
        return "not ready"
    return "degraded" if failed else "ready"


def _missing(found: Sequence[Finding]) -> list[str]:
    return [one.name for one in found if one.verdict is Verdict.FAIL]


def _works(found: Sequence[Finding], name: str) -> bool:
    return name not in _missing(found)


def _by_status(body: object, *, ok: bool) -> Response:
    if ok:
        return json_response(body)
    return json_response(body, status=503, headers=((b"retry-after", b"2"),))


def endpoints(checkup: Checkup, embedding_model: str | None = None) -> tuple[Endpoint, ...]:
    """Make the endpoints of the family. HEAD is the dispatcher's business."""
    routes = HealthRoutes(checkup, embedding_model or "")
    return (
        _get("/livez", "livez", routes.livez, "Is the process alive?", Alive),
        _get("/readyz", "readyz", routes.readyz, "Shall requests be sent here?", Readiness),
        _get("/healthz", "healthz", routes.healthz, "Is the process alive?", Healthz),
        _get(
            "/healthz/deps", "healthz_deps", routes.deps, "Which dependencies work?", Dependencies
        ),
        _get(
            "/health/liveliness",
            "litellm_liveliness",
            routes.liveliness,
            "Is the process alive? (LiteLLM)",
            str,
        ),
        _get(
            "/health/liveness",
            "litellm_liveness",
            routes.liveliness,
            "Is the process alive? (LiteLLM)",
            str,
        ),
        _get(
            "/health/readiness",
            "litellm_readiness",
            routes.litellm_readiness,
            "Shall requests be sent here? (LiteLLM)",
            LiteLLMReadiness,
        ),
    )


def _get(path: str, name: str, handler: Handler, summary: str, answer: type) -> Endpoint:
    can_fail = answer in {Readiness, Dependencies, LiteLLMReadiness}
    return Endpoint(
        method="GET",
        path=path,
        scope=Scope.OPEN,
        handler=handler,
        name=name,
        summary=summary,
        tag="health",
        answer=answer,
        errors=(503,) if can_fail else (),
    )
