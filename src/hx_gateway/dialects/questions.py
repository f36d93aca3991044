"""Tell questions apart where a way out takes one kind only."""

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
