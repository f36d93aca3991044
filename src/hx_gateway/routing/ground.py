"""What plans stand on: the parts they share, and what each must know of its call."""

from collections.abc import Callable, Mapping

import msgspec

from hx_gateway.core.call import Wishes
from hx_gateway.core.clock import Random
from hx_gateway.core.errors import UpstreamError
from hx_gateway.core.route import Route
from hx_gateway.routing.balance import Pick
from hx_gateway.routing.fitness import Fitness
from hx_gateway.routing.health import Health
from hx_gateway.routing.meter import Meter
from hx_gateway.routing.pins import Pins
from hx_gateway.routing.purse import Purses

BACKOFF_S = 0.5
BACKOFF_CAP_S = 8.0
RETRY_AFTER_CAP_S = 60.0
NEVER = float("inf")


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often to try again. `retries` within a route, `attempts` over everything."""

    retries: int = 2
    attempts: int = 3
    fallbacks: int = 5
    minimum_wait_s: float = 0.0

    def wait_s(self, fault: UpstreamError, tries: int, chance: float) -> float | None:
        """Give the seconds before the same deployment is asked again; None: it is not.

        Obeys Retry-After, up to a minute; else full jitter on 0.5 * 2^n. `chance` is from 0 to 1.
        """
        if fault.retry_after_s is not None:
            if fault.retry_after_s > RETRY_AFTER_CAP_S:
                return None
            return fault.retry_after_s + chance * 0.25
        ceiling = min(BACKOFF_S * 2.0 ** (tries - 1), BACKOFF_CAP_S)
        return max(chance * ceiling, self.minimum_wait_s)


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What all plans of one snapshot stand on. `strategies`: how to choose, by name.

    `priority` is that of calls that have none of their own, in a line for a place.
    """

    health: Health
    random: Random
    policy: RetryPolicy
    strategies: Mapping[str, Pick]
    meter: Meter | None = None
    purses: Purses | None = None
    pins: Pins | None = None
    priority: int = 0


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan must know of its call. `fit` applies a route's own rules to it, if it has any.

    `find` gives a fallback route that exists and that the caller may use. Nothing is begun after
    `deadline` (monotonic seconds).
    """

    find: Callable[[str], Route | None]
    fit: Callable[[Route], Fitness | None] | None = None
    wishes: Wishes | None = None
    stream: bool = False
    deadline: float = NEVER
