"""What a translation leaves behind, so that no setting disappears unseen."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec import Raw

from hx_gateway.core.chat import Chat
from hx_gateway.core.provider import Question, WayIn, WayOut
from hx_gateway.dialects.questions import lacking
from hx_gateway.dialects.tools import foreign_tools

_NOTHING: frozenset[str] = frozenset()


def left_behind(
    fields: Mapping[str, Raw], question: Question, way_in: WayIn, out: WayOut
) -> tuple[str, ...]:
    """Note the client's fields that the way in cannot translate or the way out cannot say.

    A way in may have `untranslated`, a way out `lacks` (settings of `Chat`), `drops` (of further
    fields) and `losses` (notes that depend on values). They are asked for by name: a check against
    a protocol costs 40 us a call.
    """
    untranslated: frozenset[str] = getattr(way_in, "untranslated", _NOTHING)
    unsaid: frozenset[str] = getattr(out, "lacks", _NOTHING)
    drops: Callable[[str], bool] | None = getattr(out, "drops", None)
    names = [name for name in fields if name in untranslated]
    if drops is not None:
        names += filter(drops, question.extra)
    names += lacking(question, unsaid)
    notes = [f"drop:{name}" for name in names]
    if isinstance(question, Chat):
        notes += _unsaid(question, out)
    return tuple(notes)


def _unsaid(chat: Chat, out: WayOut) -> Iterator[str]:
    if foreign_tools(chat, out.name):
        yield "drop:tools"
    losses: Callable[[Chat], Iterable[str]] | None = getattr(out, "losses", None)
    if losses is not None:
        yield from losses(chat)
