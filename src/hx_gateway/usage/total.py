"""Add up the numbers of several processes, so that together they are read as one. Pure."""

from collections.abc import Iterable, Sequence

import msgspec

# How the gauges of processes that stand beside each other become one; counts are always added.
ADDED = frozenset(
    {
        "litellm_in_flight_requests",
        "hx_draining_answers",
        "hx_workers",
        "hx_node_in_flight",
        "hx_node_queued",
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
    }
)
LEAST = frozenset(
    {
        "hx_dependency_up",
        "hx_node_up",
        "litellm_provider_remaining_budget_metric",  # who knows of the most calls
        "process_start_time_seconds",
    }
)
MOST = frozenset(
    {
        "litellm_deployment_state",  # 2 is out: who sees it so has a reason
        "litellm_deployment_rpm_limit",
        "litellm_deployment_tpm_limit",
        "hx_build_info",
        "hx_node_models_resident",
        "process_max_fds",
    }
)
WORKER_ENDS = "hx_worker_ends"  # counted by who adds up
_COUNTS = ("counter", "histogram")
_CREATED = "_created"

Labels = tuple[tuple[str, str], ...]


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """One number: its series by name and labels."""

    name: str
    labels: Labels
    value: float


class Family(msgspec.Struct, frozen=True, array_like=True):
    """All series of one metric, as the Prometheus text format groups them."""

    name: str
    kind: str
    help: str
    samples: list[Sample]


def total(parts: Iterable[Sequence[Family]]) -> list[Family]:
    """Make one of what several processes say of the same families."""
    found: dict[str, list[Family]] = {}
    for families in parts:
        for family in families:
            found.setdefault(family.name, []).append(family)
    return [_together(same) for same in found.values()]


def counts(families: Iterable[Family]) -> list[Family]:
    """Give what outlives a process: what it counted, not how it was."""
    return [family for family in families if family.kind in _COUNTS]


def _together(families: Sequence[Family]) -> Family:
    values: dict[tuple[str, Labels], float] = {}
    for family in families:
        for name, labels, value in map(msgspec.structs.astuple, family.samples):
            key = (name, labels)
            values[key] = _joined(family, name, values[key], value) if key in values else value
    samples = [Sample(name, labels, value) for (name, labels), value in values.items()]
    return msgspec.structs.replace(families[0], samples=samples)


def _joined(family: Family, sample: str, one: float, other: float) -> float:
    if sample.endswith(_CREATED) or family.name in LEAST:
        return min(one, other)
    if family.kind in _COUNTS or family.name in ADDED:
        return one + other
    return max(one, other)
