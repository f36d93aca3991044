"""Read LiteLLM's policies by kind of fault: how often to retry, how many faults are allowed."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from hx_gateway.config.document import Node
from hx_gateway.config.fields import FieldReader
from hx_gateway.config.report import Report
from hx_gateway.core.route import ANY_FAULT
from hx_gateway.routing.kinds import Kind

_NOTHING: Mapping[str, int] = MappingProxyType({})
_GENERAL = "DefaultRetries"
_ALLOWED_BY_DEFAULT = 3  # LiteLLM's, for kinds that a policy does not name


class RetryPolicies:
    """`retry_policy`, and `model_group_retry_policy` where a group has its own."""

    def __init__(self, root: Node, report: Report) -> None:
        """Read both from `router_settings`."""
        path = "router_settings.retry_policy"
        self._general = _retries(root.find(path), path, report)
        path = "router_settings.model_group_retry_policy"
        groups = root.find(path)
        self._by_group = {
            name: _retries(node, f"{path}.{name}", report)
            for name, node in (groups.members() if groups is not None else ())
        }

    @property
    def groups(self) -> Iterable[str]:
        """The groups that have a policy of their own."""
        return self._by_group

    def of(self, group: str) -> Mapping[str, int]:
        """Give the retries of a group by kind of fault."""
        return self._by_group.get(group, self._general)


def read_allowance(
    fields: FieldReader, report: Report, inherited: Mapping[str, int] = _NOTHING
) -> Mapping[str, int]:
    """Read `allowed_fails` and its policy: faults a minute by kind, ANY_FAULT for the rest."""
    any_kind = fields.whole("allowed_fails")
    policy = _read(
        fields.node.get("allowed_fails_policy"),
        f"{fields.path}.allowed_fails_policy",
        "ErrorAllowedFails",
        report,
    )
    if any_kind is None and not policy:
        return inherited
    if any_kind is None:
        any_kind = inherited.get(ANY_FAULT, _ALLOWED_BY_DEFAULT)
    return {ANY_FAULT: any_kind, **policy}


def _retries(node: Node | None, path: str, report: Report) -> Mapping[str, int]:
    found = _read(node, path, "ErrorRetries", report)
    if node is not None and isinstance(node.value, dict):
        general = FieldReader(node, path, report).whole(_GENERAL)
        if general is not None:
            return {ANY_FAULT: general, **found}
    return found


def _read(node: Node | None, path: str, suffix: str, report: Report) -> Mapping[str, int]:
    if node is None or node.value is None:
        return _NOTHING
    if not isinstance(node.value, dict):
        report.problem(node.place, path, "must be a mapping of kinds of errors to numbers")
        return _NOTHING
    reader, found = FieldReader(node, path, report), {}
    names = {f"{kind}{suffix}": kind.value for kind in Kind}
    for key, child in node.members():
        if key in names:
            number = reader.whole(key)
            if number is not None:
                found[names[key]] = number
        elif key != _GENERAL:
            text = f"unknown kind of error; known are {', '.join(sorted(names))}"
            report.no_effect(child.place, f"{path}.{key}", text)
    return found
