"""Read how the deployments of single models are chosen: LiteLLM's `routing_groups`."""

from collections.abc import Mapping

from hx_gateway.config.document import Node
from hx_gateway.config.fields import FieldReader
from hx_gateway.config.report import Report
from hx_gateway.config.routing_options import STRATEGIES

GROUPS = "router_settings.routing_groups"


def read_strategies(root: Node, report: Report) -> Mapping[str, str]:
    """Read the strategy of each model that has its own; the first group that names it wins."""
    listed = root.find(GROUPS)
    found: dict[str, str] = {}
    for index, node in enumerate(listed.items() if listed is not None else ()):
        group = FieldReader(node, f"{GROUPS}[{index}]", report)
        strategy = group.text("routing_strategy")
        if strategy not in STRATEGIES:
            text = f"must be one of {', '.join(STRATEGIES)}; the models keep the general one"
            report.no_effect(node.place, f"{group.path}.routing_strategy", text)
            continue
        if (args := node.get("routing_strategy_args")) is not None:
            text = "has no effect; the numbers of router_settings.routing_strategy_args hold"
            report.warning(args.place, f"{group.path}.routing_strategy_args", text)
        for name in group.texts("models"):
            found.setdefault(name, strategy)
    return found
