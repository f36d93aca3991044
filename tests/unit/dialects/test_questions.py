import pytest

from hx_gateway.core.chat import Chat, Embedding
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.dialects.questions import as_chat, as_embedding


def test_only_the_right_kind_is_taken() -> None:
    chat, embedding = Chat(messages=()), Embedding(inputs=("a",))
    assert as_chat(chat) is chat
    assert as_embedding(embedding) is embedding
    with pytest.raises(InvalidRequest):
        as_chat(embedding)
    with pytest.raises(InvalidRequest):
        as_embedding(chat)
