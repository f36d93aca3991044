"""How the deployments of the current snapshot are, in the words of the metrics."""

from collections.abc import Iterable, Mapping

from hx_gateway.core.clock import Clock
from hx_gateway.core.route import Deployment
from hx_gateway.routing.health import Health, State
from hx_gateway.usage.metrics import DeploymentState

_DOWN, _PARTIAL, _HEALTHY = 2, 1, 0


class DeploymentStates:
    """Reads the health book for the deployments that are configured now."""

    def __init__(self, health: Health, clock: Clock) -> None:
        """Nothing is configured yet."""
        self._health = health
        self._clock = clock
        self.deployments: Mapping[str, Deployment] = {}

    def read(self) -> Iterable[DeploymentState]:
        """Give the state of each deployment."""
        now = self._clock.monotonic()
        for deployment in self.deployments.values():
            vitals = self._health.of(deployment)
            is_closed = vitals.state(now) is State.CLOSED
            state = (_PARTIAL if vitals.failures_in_a_row else _HEALTHY) if is_closed else _DOWN
            yield DeploymentState(
                deployment_id=deployment.id,
                provider=deployment.provider.name,
                model=deployment.model,
                state=state,
                rpm=deployment.rpm,
                tpm=deployment.tpm,
            )

    def in_flight(self) -> int:
        """Count the calls that are at an upstream now."""
        return sum(self._health.of(each).in_flight for each in self.deployments.values())
