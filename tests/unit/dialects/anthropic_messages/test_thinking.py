import pytest

from hx_gateway.core.chat import Chat, Reasoning
from hx_gateway.dialects.anthropic_messages.thinking import (
    BUDGETS,
    IMITATOR,
    Traits,
    effort_of,
    takes_sampling,
    thinking_of,
)
from hx_gateway.dialects.openai_chat.encode import effort_of as effort_elsewhere

LATER = Traits(is_adaptive=True, samples=False)
ADAPTIVE = {"type": "adaptive", "display": "summarized"}


def chat(reasoning: Reasoning | None) -> Chat:
    return Chat(messages=(), reasoning=reasoning)


@pytest.mark.parametrize(
    ("reasoning", "earlier", "later", "effort"),
    [
        (None, None, None, None),
        (Reasoning(), None, ADAPTIVE, None),
        (
            Reasoning(budget_tokens=2048),
            {"type": "enabled", "budget_tokens": 2048},
            ADAPTIVE,
            "medium",
        ),
        (
            Reasoning(budget_tokens=90_000),
            {"type": "enabled", "budget_tokens": 90_000},
            ADAPTIVE,
            "max",
        ),
        (Reasoning(effort="low"), {"type": "enabled", "budget_tokens": 1024}, ADAPTIVE, "low"),
        (Reasoning(effort="minimal"), {"type": "enabled", "budget_tokens": 1024}, ADAPTIVE, "low"),
        (Reasoning(effort="odd"), {"type": "enabled", "budget_tokens": 4096}, ADAPTIVE, "odd"),
        (
            Reasoning(effort="none", enabled=False),
            {"type": "disabled"},
            {"type": "disabled"},
            "none",
        ),
    ],
)
def test_each_model_is_told_to_think_in_words_it_takes(
    reasoning: Reasoning | None, earlier: object, later: object, effort: str | None
) -> None:
    """Symptom: Codex got 400s from every model, of one word or of the other."""
    assert thinking_of(chat(reasoning), IMITATOR) == earlier
    assert thinking_of(chat(reasoning), LATER) == later
    assert effort_of(chat(reasoning)) == effort


@pytest.mark.parametrize("effort", ["low", "medium", "high"])
def test_an_effort_survives_the_way_there_and_back(effort: str) -> None:
    assert effort_elsewhere(BUDGETS[effort]) == effort
    assert effort_of(chat(Reasoning(budget_tokens=BUDGETS[effort]))) == effort


def test_the_latest_models_take_no_sampling_settings_and_others_not_while_thinking() -> None:
    assert takes_sampling(None, IMITATOR)
    assert takes_sampling({"type": "disabled"}, IMITATOR)
    assert not takes_sampling({"type": "enabled"}, IMITATOR)
    assert not takes_sampling(None, LATER)
