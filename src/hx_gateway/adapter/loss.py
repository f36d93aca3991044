"""What a translation leaves behind, so that no setting disappears unseen."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from msgspec import Raw

from hx_gateway.core.provider import Question, WayIn, WayOut
from hx_gateway.dialects.questions import lacking

_NOTHING: frozenset[str] = frozenset()


@runtime_checkable
class Choosy(Protocol):
    """A way out that does not send every field it does not know."""

    def drops(self, name: str) -> bool:
        """Tell whether a client's further field stays behind."""
        ...


def left_behind(
    fields: Mapping[str, Raw], question: Question, way_in: WayIn, out: WayOut
) -> tuple[str, ...]:
    """Note the client's fields that the way in cannot translate or the way out cannot say."""
    untranslated: frozenset[str] = getattr(way_in, "untranslated", _NOTHING)
    unsaid: frozenset[str] = getattr(out, "lacks", _NOTHING)
    names = [name for name in fields if name in untranslated]
    if isinstance(out, Choosy):
        names += filter(out.drops, question.extra)
    names += lacking(question, unsaid)
    return tuple(f"drop:{name}" for name in names)
