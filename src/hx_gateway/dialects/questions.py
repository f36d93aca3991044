"""What a way out can take of a question: one kind only, and not every setting."""

import msgspec

from hx_gateway.core.chat import Chat, Embedding
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.core.provider import Question


def as_chat(question: Question) -> Chat:
    """Take a chat; raises InvalidRequest for anything else."""
    if isinstance(question, Chat):
        return question
    raise InvalidRequest("This model answers chats only.", code="unsupported_operation")


def as_embedding(question: Question) -> Embedding:
    """Take an embedding; raises InvalidRequest for anything else."""
    if isinstance(question, Embedding):
        return question
    raise InvalidRequest("This model makes embeddings only.", code="unsupported_operation")


# What clients call those settings of `Chat` that have another name there.
_NAMES = {"choices": "n", "parallel_tools": "parallel_tool_calls"}


def lacking(question: Question, settings: frozenset[str]) -> tuple[str, ...]:
    """Name those of some settings that a question has, as clients call them."""
    given = (name for name in sorted(settings) if getattr(question, name, None) not in (None, ()))
    return tuple(_NAMES.get(name, name) for name in given)


def leave_out(chat: Chat, settings: frozenset[str]) -> Chat:
    """Take some settings off a chat."""
    given = {name: None for name in settings if getattr(chat, name) is not None}
    return msgspec.structs.replace(chat, **given) if given else chat
