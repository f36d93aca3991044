"""Change a call so that its provider can take it, where the configuration allows it.

LiteLLM's `modify_params`. Whatever is changed is noted, as everywhere.
"""

from collections.abc import Callable

from hx_gateway.adapter.quirks import clamp
from hx_gateway.core.chat import Chat
from hx_gateway.core.provider import Draft, Question, WayOut

Repair = Callable[[Chat], tuple[Chat, tuple[str, ...]]]
_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")


def mended(question: Question, out: WayOut) -> tuple[Question, tuple[str, ...]]:
    """Mend a conversation as the way out knows how; most know nothing to mend."""
    repair: Repair | None = getattr(out, "repair", None)
    if repair is None or not isinstance(question, Chat):
        return question, ()
    return repair(question)


def bounded(draft: Draft, most: int | None) -> Draft:
    """Keep the length of an answer within what the model can write, as far as that is known."""
    if most is None:
        return draft
    for name in _LIMITS:
        draft = clamp(name, least=0, most=most)(draft)
    return draft
