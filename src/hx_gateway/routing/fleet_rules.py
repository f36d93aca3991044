"""What a route with nodes asks of its deployments: a place, a wide window, the right node."""

from collections.abc import Sequence

from hx_gateway.core.errors import ContextWindowExceeded, UpstreamError
from hx_gateway.core.route import Deployment, Route
from hx_gateway.routing.fitness import Need, Preference, Room
from hx_gateway.routing.fleet import Fleet


def has_nodes(route: Route) -> bool:
    """Say whether any deployment of a route is on a node."""
    return any(each.node is not None for each in route.deployments)


def node_room(fleet: Fleet) -> Room:
    """Make the check that a node is there and has a place."""

    def room(deployment: Deployment, now: float, need: Need) -> UpstreamError | None:
        return None if deployment.node is None else fleet.obstacle(deployment, need.peers, now)

    return room


def window_room(fleet: Fleet) -> Room:
    """Make the check that refuses a prompt which a node would cut: only where that is sure."""

    def room(deployment: Deployment, _now: float, need: Need) -> UpstreamError | None:
        window = fleet.window(deployment, need.fields)
        if window is None or not window.is_sure or need.tokens <= window.tokens:
            return None
        return ContextWindowExceeded(
            f"The prompt has about {need.tokens} tokens, and the window of the model is "
            f"{window.tokens}.",
            param="messages",
        )

    return room


def node_preference(fleet: Fleet) -> Preference:
    """Make what narrows a choice: to windows that are wide enough, then to the best nodes."""

    def preference(usable: Sequence[Deployment], now: float, need: Need) -> Sequence[Deployment]:
        wide = [each for each in usable if _takes(fleet, each, need)] if need.tokens else usable
        return fleet.prefer(wide or usable, now)

    return preference


def _takes(fleet: Fleet, deployment: Deployment, need: Need) -> bool:
    window = fleet.window(deployment, need.fields)
    return window is None or need.tokens <= window.tokens
