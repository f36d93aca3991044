"""How many tokens a prompt has, about."""

import base64

import pytest
from tests.support.calls import call

from hx_gateway.routing.estimate import estimate_tokens, guess_usage


@pytest.mark.parametrize("field", ["messages", "input", "prompt", "system", "query", "documents"])
def test_a_text_has_about_a_token_for_four_bytes(field: str) -> None:
    tokens = estimate_tokens(call({"model": "m", field: "word " * 4000}).fields)
    assert 4500 < tokens < 5500


def test_what_is_no_prompt_does_not_count() -> None:
    assert estimate_tokens(call({"model": "m" * 100, "user": "x" * 1000}).fields) == 0


def test_an_image_does_not_count_by_its_bytes() -> None:
    data = base64.b64encode(bytes(range(256)) * 4000).decode()
    content = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}]
    fields = call({"messages": [{"role": "user", "content": content}]}).fields
    assert estimate_tokens(fields) < 100


def test_a_usage_that_nobody_told_is_the_prompt_and_what_was_seen() -> None:
    usage = guess_usage(call({"model": "m", "input": "word " * 100}).fields, 7)
    assert (usage.input, usage.output) == (125, 7)
