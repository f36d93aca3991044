"""How long an answer a model is asked for: no more than it can say.

Agents ask for what their own vendor's models can say, and others refuse to be asked for more.
A relayed call is the client's own, and its provider's to refuse.
"""

import msgspec

from hx_gateway.core.chat import Chat
from hx_gateway.core.provider import Question


def within(question: Question, most: int | None) -> tuple[Question, tuple[str, ...]]:
    """Keep the limit of an answer within what the model can say, if that is known; notes it."""
    if most is None or not isinstance(question, Chat):
        return question, ()
    if question.max_tokens is None or question.max_tokens <= most:
        return question, ()
    return msgspec.structs.replace(question, max_tokens=most), ("clamp:max_tokens",)
