import pytest
from tests.support.calls import ask, call, plain
from tests.support.golden import deployment_of

from hx_gateway.adapter.limit import within
from hx_gateway.adapter.request import draft_of
from hx_gateway.core.chat import Chat, Embedding
from hx_gateway.providers.registry import PROVIDERS


@pytest.mark.parametrize(
    ("asked", "most", "limit", "notes"),
    [
        (None, 10, None, ()),
        (5, None, 5, ()),
        (10, 10, 10, ()),
        (32_000, 10, 10, ("clamp:max_tokens",)),
    ],
)
def test_nothing_is_asked_for_that_the_model_cannot_say(
    asked: int | None, most: int | None, limit: int | None, notes: tuple[str, ...]
) -> None:
    chat = Chat(messages=(), max_tokens=asked)
    assert within(chat, most) == (Chat(messages=(), max_tokens=limit), notes)


def test_other_questions_have_no_limit() -> None:
    question = Embedding(inputs=("a",))
    assert within(question, 1) == (question, ())


def test_a_translated_call_is_kept_within_and_a_relayed_one_is_the_clients_own() -> None:
    """Symptom: Claude Code asks for 32,000 tokens, and a model that says 16,384 refused it."""
    deployment = deployment_of(PROVIDERS["openai"], max_output_tokens=16_384)
    body: dict[str, object] = {"model": "m", "max_tokens": 32_000, "messages": []}
    translated, _, _ = draft_of(call(body, "anthropic_messages"), deployment)
    assert plain(translated.fields)["max_completion_tokens"] == 16_384
    assert translated.changed == ("clamp:max_tokens",)
    relayed, _, _ = draft_of(ask(max_tokens=32_000), deployment)
    assert plain(relayed.fields)["max_tokens"] == 32_000
    assert relayed.changed == ()
