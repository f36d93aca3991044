"""Read by what calls stay at one deployment, and say which of LiteLLM's checks do nothing here."""

from collections.abc import Mapping

from hx_gateway.config.document import Node
from hx_gateway.config.fields import FieldReader
from hx_gateway.config.report import Place, Report
from hx_gateway.routing.pins import AFFINITIES

CHECKS = "router_settings.optional_pre_call_checks"
GROUPS = "router_settings.model_group_affinity_config"
# Budgets bound every strategy, a kept conversation can be answered by any deployment, and which
# models are sent headers is in `model_group_settings`.
_NEEDLESS = frozenset(
    {
        "forward_client_headers_by_model_group",
        "responses_api_deployment_check",
        "router_budget_limiting",
    }
)
_WORKING = AFFINITIES | _NEEDLESS | {"enforce_model_rate_limits"}
_MISSING = frozenset({"encrypted_content_affinity"})


def read_affinities(root: Node, report: Report) -> Mapping[str, tuple[str, ...]]:
    """Read the affinities of single model groups; whatever has no effect is noted."""
    checks = root.find(CHECKS)
    if checks is not None:
        names = FieldReader(root.find("router_settings") or root, "router_settings", report)
        _judge(names.texts("optional_pre_call_checks"), checks.place, CHECKS, report)
    groups = root.find(GROUPS)
    if groups is None:
        return {}
    reader = FieldReader(groups, GROUPS, report)
    found = {name: reader.texts(name) for name, _ in groups.members()}
    for name, node in groups.members():
        _judge(found[name], node.place, f"{GROUPS}.{name}", report)
    return found


def _judge(names: tuple[str, ...], place: Place, path: str, report: Report) -> None:
    for name in names:
        if name in _MISSING:
            text = (
                f"{name} is known to LiteLLM, but not supported yet: it has no effect; who cannot "
                "read encrypted content is followed by the other deployments, and "
                "session_affinity keeps a conversation at one"
            )
            report.warning(place, path, text)
        elif name not in _WORKING:
            text = f"{name!r} is no check; known are {', '.join(sorted(_WORKING | _MISSING))}"
            report.no_effect(place, path, text)
