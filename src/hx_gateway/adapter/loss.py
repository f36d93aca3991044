"""What a translation leaves behind, so that no setting disappears unseen."""

from collections.abc import Callable, Mapping

from msgspec import Raw

from hx_gateway.core.provider import Question, WayIn, WayOut
from hx_gateway.dialects.questions import lacking

_NOTHING: frozenset[str] = frozenset()


def left_behind(
    fields: Mapping[str, Raw], question: Question, way_in: WayIn, out: WayOut
) -> tuple[str, ...]:
    """Note the client's fields that the way in cannot translate or the way out cannot say.

    A way in may have `untranslated`, a way out `lacks` (settings of `Chat`) and `drops` (of
    further fields). They are asked for by name: a check against a protocol costs 40 us a call.
    """
    untranslated: frozenset[str] = getattr(way_in, "untranslated", _NOTHING)
    unsaid: frozenset[str] = getattr(out, "lacks", _NOTHING)
    drops: Callable[[str], bool] | None = getattr(out, "drops", None)
    names = [name for name in fields if name in untranslated]
    if drops is not None:
        names += filter(drops, question.extra)
    names += lacking(question, unsaid)
    return tuple(f"drop:{name}" for name in names)
