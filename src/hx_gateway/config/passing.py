"""Read which models are sent headers of their clients: LiteLLM's setting for all, or by model."""

from collections.abc import Sequence

import msgspec

from hx_gateway.config.document import Node
from hx_gateway.config.fields import FieldReader
from hx_gateway.config.report import Report

GROUPS = "litellm_settings.model_group_settings"
NAMES = "forward_client_headers_to_llm_api"


class Passing(msgspec.Struct, frozen=True, kw_only=True):
    """The models that are sent headers of their clients. A name may end in `*`."""

    everywhere: bool = False
    names: tuple[str, ...] = ()

    def applies(self, model: str) -> bool:
        """Say whether a model is one of them."""
        return self.everywhere or any(_fits(name, model) for name in self.names)


def read_passing(root: Node, report: Report, *, everywhere: bool) -> Passing:
    """Read the models by name; `everywhere` is the setting for all."""
    groups = root.find(GROUPS)
    if groups is None or groups.value is None:
        return Passing(everywhere=everywhere)
    if not isinstance(groups.value, dict):
        report.problem(groups.place, GROUPS, "must be a mapping")
        return Passing(everywhere=everywhere)
    for key, node in groups.members():
        if key != NAMES:
            report.no_effect(node.place, f"{GROUPS}.{key}", f"unknown key; known is {NAMES}")
    return Passing(everywhere=everywhere, names=FieldReader(groups, GROUPS, report).texts(NAMES))


def check_passing(passing: Passing, models: Sequence[str], root: Node, report: Report) -> None:
    """Warn of names that fit no model."""
    node = root.find(f"{GROUPS}.{NAMES}")
    for name in passing.names if node is not None else ():
        if node is not None and not any(_fits(name, model) for model in models):
            text = f"{name!r} is no model of model_list; it has no effect"
            report.no_effect(node.place, f"{GROUPS}.{NAMES}", text)


def _fits(name: str, model: str) -> bool:
    return model.startswith(name[:-1]) if name.endswith("*") else model == name
