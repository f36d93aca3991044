"""Where a call may go when a route cannot answer it: which fallback routes, and in which order."""

from collections.abc import Iterator, Sequence

from hx_gateway.core.call import Detour, Wishes
from hx_gateway.core.errors import (
    ContentRefused,
    ContextWindowExceeded,
    NoDeployment,
    UpstreamError,
)
from hx_gateway.core.route import Route


def detours_of(
    path: Sequence[Route], wishes: Wishes | None, fault: UpstreamError | None
) -> Iterator[Detour]:
    """Give where to go after a fault; None is any fault of an upstream.

    It is the caller's own list, else those of the routes of `path`, the last one's first: as in
    LiteLLM, a fallback has fallbacks of its own. A fault of the context window or the content
    policy has lists of its own, used if they say anything; no other mistake of the caller is
    answered elsewhere.
    """
    if fault is not None and not _goes_on(fault):
        return
    wished = _wished(wishes, fault)
    if wished:
        yield from wished
        return
    for route in reversed(path):
        for name in _configured(route, fault):
            yield Detour(model=name)


def _goes_on(fault: UpstreamError) -> bool:
    """Say whether another model may answer."""
    own = ContextWindowExceeded | ContentRefused | NoDeployment
    return fault.retryable or isinstance(fault, own)


def _wished(wishes: Wishes | None, fault: UpstreamError | None) -> Sequence[Detour]:
    if wishes is None:
        return ()
    if isinstance(fault, ContextWindowExceeded):
        return wishes.context_window_fallbacks or wishes.fallbacks
    if isinstance(fault, ContentRefused):
        return wishes.content_policy_fallbacks or wishes.fallbacks
    return wishes.fallbacks


def _configured(route: Route, fault: UpstreamError | None) -> Sequence[str]:
    if isinstance(fault, ContextWindowExceeded):
        return route.context_window_fallbacks or route.fallbacks
    if isinstance(fault, ContentRefused):
        return route.content_policy_fallbacks or route.fallbacks
    return route.fallbacks
