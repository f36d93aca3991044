import pytest

from hx_gateway.adapter.headers import client_headers
from hx_gateway.dialects.anthropic_messages.thinking import IMITATOR, Traits
from hx_gateway.providers.anthropic import PROVIDER, traits_of

# Recorded of Claude Code 2.1.332, with a model it knows and one it does not.
SENT = (
    b"claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,"
    b"mid-conversation-tool-changes-2026-07-01,thinking-token-count-2026-05-13,"
    b"advanced-tool-use-2025-11-20,effort-2025-11-24,thinking-display-updates-2026-08-18"
)


def test_what_claude_code_sends_goes_on_whole() -> None:
    """Symptom: the fields of a feature went on without its word, and the vendor refused them."""
    sent = {b"anthropic-version": b"2023-06-01", b"anthropic-beta": SENT}
    kept, notes = client_headers(PROVIDER, sent)
    assert dict(kept) == sent
    assert notes == ()


def test_what_changes_the_price_or_lies_in_the_account_stays_behind() -> None:
    sent = {b"anthropic-beta": b"fast-mode-2026-02-01,files-api-2025-04-14"}
    kept, notes = client_headers(PROVIDER, sent)
    assert b"anthropic-beta" not in dict(kept)
    assert notes == (
        "drop:anthropic-beta=fast-mode-2026-02-01",
        "drop:anthropic-beta=files-api-2025-04-14",
    )


EARLIER, LATER = IMITATOR, Traits(is_adaptive=True, samples=False)


@pytest.mark.parametrize(
    ("model", "traits"),
    [
        ("claude-3-7-sonnet-20250219", EARLIER),
        ("claude-sonnet-4", EARLIER),
        ("claude-sonnet-4-0", EARLIER),
        ("claude-opus-4-20250514", EARLIER),
        ("claude-4-opus-20250514", EARLIER),
        ("claude-opus-4-1-20250805", EARLIER),
        ("claude-haiku-4-5", EARLIER),
        ("claude-sonnet-4-5-20250929", EARLIER),
        ("claude-sonnet-4-6", Traits(is_adaptive=True)),
        ("claude-opus-4-6-20260205", Traits(is_adaptive=True)),
        ("claude-opus-4-7", LATER),
        ("claude-opus-4-8-20260601", LATER),
        ("claude-opus-4-10", LATER),
        ("claude-opus-5", LATER),
        ("claude-fable-5-1", LATER),
        ("deepseek-v4", EARLIER),
        ("glm-5", EARLIER),
    ],
)
def test_a_model_is_known_by_its_name(model: str, traits: Traits) -> None:
    assert traits_of(model) == traits
