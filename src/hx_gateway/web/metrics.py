"""`GET /metrics`: the Prometheus text format."""

from collections.abc import Awaitable, Callable

from hx_gateway.core.check import Finding, Verdict
from hx_gateway.core.http import Response
from hx_gateway.core.principal import Scope
from hx_gateway.core.snapshot import AuthSettings
from hx_gateway.manage.checks import Checkup
from hx_gateway.usage.metrics import CONTENT_TYPE, Metrics
from hx_gateway.web.endpoint import Endpoint, Visit


def endpoints(
    metrics: Metrics,
    settings: AuthSettings,
    checkup: Checkup | None = None,
    render: Callable[[], Awaitable[bytes]] | None = None,
) -> tuple[Endpoint, ...]:
    """Make the endpoint; open unless the settings want a key. `checkup` feeds hx_dependency_up.

    `render` None: the numbers of this process are all there are.
    """
    written = render or metrics.render

    async def read(_visit: Visit) -> Response:
        if checkup is not None:
            metrics.set_dependencies(_up(await checkup.findings()))
        return Response(200, await written(), [(b"content-type", CONTENT_TYPE)])

    return (
        Endpoint(
            method="GET",
            path="/metrics",
            scope=Scope.ANY if settings.metrics_need_key else Scope.OPEN,
            handler=read,
            name="metrics",
            summary="Read the metrics (Prometheus text format)",
            tag="health",
            media_type="text/plain",
        ),
    )


def _up(findings: tuple[Finding, ...]) -> dict[str, bool]:
    return {
        found.name: found.verdict is not Verdict.FAIL
        for found in findings
        if found.verdict is not Verdict.SKIP
    }
