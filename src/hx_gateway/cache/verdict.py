"""Which answers are worth keeping."""

from collections.abc import Sequence

from hx_gateway.core.event import Event, Finish, Finished, RefusalDelta, ToolStarted
from hx_gateway.core.snapshot import CacheSettings


def is_worth_keeping(events: Sequence[Event], settings: CacheSettings) -> bool:
    """Say whether a whole answer is one to give again.

    One that was cut off, filtered or refused would fail everybody after the first; a tool call is
    the begin of something that has not happened yet. Each may be asked for. An answer that does not
    say how it ended is never kept.
    """
    reasons = [event.reason for event in events if isinstance(event, Finished)]
    if not reasons or not _good(settings).issuperset(reasons):
        return False
    return not any(
        (isinstance(event, ToolStarted) and not settings.tool_calls)
        or (isinstance(event, RefusalDelta) and not settings.filtered)
        for event in events
    )


def _good(settings: CacheSettings) -> set[Finish]:
    good = {Finish.STOP, Finish.STOP_SEQUENCE}
    if settings.truncated:
        good.add(Finish.LENGTH)
    if settings.filtered:
        good |= {Finish.CONTENT_FILTER, Finish.REFUSAL}
    if settings.tool_calls:
        good.add(Finish.TOOL_USE)
    return good
