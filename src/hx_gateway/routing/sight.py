"""What is known of one node: awake or not, what it has, what it holds in memory.

Plain data, told by whoever looks at the node; reads no clock.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from hx_gateway.core.node import Installed, Resident, Shown
from hx_gateway.core.route import Node

MISSES = 2  # answers that did not come in time; a refused connection counts for all


class NodeState(StrEnum):
    """Whether a node can be asked."""

    UNKNOWN = "unknown"  # nobody has looked yet
    AWAKE = "awake"
    ASLEEP = "asleep"  # it does not answer: switched off, sleeping, hung


class Sight:
    """What is known of one node."""

    def __init__(self, node: Node) -> None:
        """Nothing is known yet."""
        self.node = node
        self.state = NodeState.UNKNOWN
        self.version: str | None = None
        self.installed: Mapping[str, Installed] | None = None
        self.resident: Mapping[str, Resident] = {}
        self.shown: dict[tuple[str, str], Shown] = {}  # by name and digest
        self.heard_at: float | None = None
        self._misses = 0

    def heard(self, now: float, resident: Iterable[Resident]) -> bool:
        """Note that it answered and what it holds; says whether it has just woken."""
        has_woken = self.state is not NodeState.AWAKE
        self.state = NodeState.AWAKE
        self.heard_at = now
        self._misses = 0
        self.resident = {model.name: model for model in resident}
        return has_woken

    def missed(self, *, refused: bool) -> bool:
        """Note that it did not answer; says whether it has just fallen asleep."""
        self._misses += MISSES if refused else 1
        if self._misses < MISSES or self.state is NodeState.ASLEEP:
            return False
        self.state = NodeState.ASLEEP
        self.resident = {}
        return True

    def has(self, installed: Iterable[Installed]) -> bool:
        """Note which models it has; says whether that is new."""
        models = {model.name: model for model in installed}
        if models == self.installed:
            return False
        self.installed = models
        known = {(model.name, model.digest) for model in models.values()}
        self.shown = {key: shown for key, shown in self.shown.items() if key in known}
        return True

    def holds(self, model: str) -> None:
        """Note that a model has just answered, so it is in memory until somebody looks again."""
        if model not in self.resident:
            self.resident = {**self.resident, model: Resident(name=model)}

    def drops(self, model: str) -> None:
        """Note that a model is no longer in memory."""
        self.resident = {name: held for name, held in self.resident.items() if name != model}

    def lacks(self, model: str) -> bool:
        """Say whether it is known not to have a model."""
        return self.installed is not None and model not in self.installed

    def unseen(self) -> list[Installed]:
        """List the models that were not asked about yet."""
        models = (self.installed or {}).values()
        return [model for model in models if (model.name, model.digest) not in self.shown]

    def shown_of(self, model: str) -> Shown:
        """Get what a model said of itself."""
        installed = (self.installed or {}).get(model)
        if installed is None:
            return Shown()
        return self.shown.get((model, installed.digest), Shown())

    def embeds_only(self, model: str) -> bool:
        """Say whether a model is known to answer no chat."""
        installed = (self.installed or {}).get(model)
        said = installed.embeds_only if installed is not None else None
        return bool(self.shown_of(model).embeds_only if said is None else said)

    def window(self, model: str) -> int | None:
        """Give the window a model has here, where that is known."""
        resident = self.resident.get(model)
        if resident is not None and resident.context is not None:
            return resident.context
        shown = self.shown_of(model)
        if shown.context is None or shown.trained is None:
            return shown.context
        return min(shown.context, shown.trained)
