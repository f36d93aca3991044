"""Asks each upstream whether it is there, without inference: that would load the model."""

from collections.abc import Mapping

from hx_gateway.app.pings import MODELS, Run, skipped
from hx_gateway.core.check import Check, Finding, Verdict
from hx_gateway.core.errors import UpstreamError
from hx_gateway.core.http import Deadlines, HttpRequest, Origin, Sender
from hx_gateway.core.route import Deployment
from hx_gateway.core.snapshot import Snapshot

DEADLINES = Deadlines(connect=3.0, first_byte=5.0, idle=5.0, total=8.0)


def upstream_checks(snapshot: Snapshot, client: Sender, *, ask_vendors: bool) -> list[Check]:
    """Make one check for each address that deployments name; models on this machine have none.

    Upstreams with a health route are asked there. Others have only their model list, which needs
    the credential, so they are asked when `ask_vendors` says so.
    """
    checks = []
    for (name, _), models in _by_upstream(snapshot).items():
        deployment = next(iter(models.values()))
        label = f"upstream {deployment.node or name} ({_some(models)})"
        request = _request(deployment, ask_vendors=ask_vendors)
        run = (
            skipped(label, "Not asked; --ask-vendors asks for its model list.")
            if request is None
            else _asked(label, client, deployment.origin, request)
        )
        checks.append(Check(name=label, rank=MODELS + 5, run=run, deadline_s=9.0))
    return checks


def _by_upstream(snapshot: Snapshot) -> Mapping[tuple[str, Origin], Mapping[str, Deployment]]:
    found: dict[tuple[str, Origin], dict[str, Deployment]] = {}
    for route in (*snapshot.routes.values(), *snapshot.wildcards):
        for one in route.deployments:
            if one.origin.socket_path is None and one.canned is None:
                found.setdefault((one.provider.name, one.origin), {})[route.name] = one
    return found


def _some(models: Mapping[str, Deployment]) -> str:
    names = sorted(models)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _request(deployment: Deployment, *, ask_vendors: bool) -> HttpRequest | None:
    provider = deployment.provider
    if provider.health is not None:
        return provider.health
    if not ask_vendors or provider.models_path is None:
        return None
    return HttpRequest(
        method="GET",
        path=f"{deployment.base_path}{provider.models_path}",
        headers=(*provider.auth.headers(deployment.credential), *deployment.headers),
    )


def _asked(label: str, client: Sender, origin: Origin, request: HttpRequest) -> Run:
    async def run() -> Finding:
        try:
            answer = await client.send(origin, request, DEADLINES)
        except UpstreamError as error:
            remedy = "See that it runs and that api_base is right; other models are not affected."
            return Finding(name=label, verdict=Verdict.FAIL, detail=error.message, remedy=remedy)
        answer.close()
        if answer.status in {401, 403}:
            text, remedy = "It refuses the credential.", "Correct api_key of these models."
            return Finding(name=label, verdict=Verdict.FAIL, detail=text, remedy=remedy)
        if answer.status >= 400:
            text = f"It answers {answer.status}."
            return Finding(name=label, verdict=Verdict.WARN, detail=text)
        return Finding(name=label, verdict=Verdict.OK)

    return run
