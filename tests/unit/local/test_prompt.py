"""What a local model is asked."""

from typing import Any

import msgspec
import pytest

from hx_gateway.core.errors import InvalidRequest
from hx_gateway.local.completion import ChatBody
from hx_gateway.local.prompt import DEFAULT_TEMPERATURE, MAX_TOKENS, Prompt, prompt_of


def prompt(**fields: Any) -> Prompt:
    body = {"messages": [{"role": "user", "content": "hi"}], **fields}
    return prompt_of(msgspec.json.decode(msgspec.json.encode(body), type=ChatBody))


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        ({}, "temperature", DEFAULT_TEMPERATURE),
        ({"temperature": 0}, "temperature", 0),
        ({}, "max_tokens", MAX_TOKENS),
        ({"max_tokens": 5}, "max_tokens", 5),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_tokens", 6),
        ({"max_tokens": 10**9}, "max_tokens", MAX_TOKENS),
        ({"stop": "x"}, "stops", ["x"]),
        ({"stop": ["x", "y"]}, "stops", ["x", "y"]),
        ({"stop": None}, "stops", []),
        ({"response_format": {"type": "text"}}, "schema", None),
        ({"response_format": {"type": "json_object"}}, "schema", '{"type":"object"}'),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"a": 1}}}},
            "schema",
            '{"a":1}',
        ),
    ],
)
def test_a_field_becomes(fields: dict[str, Any], name: str, value: object) -> None:
    assert getattr(prompt(**fields), name) == value


@pytest.mark.parametrize(
    ("role", "known_as"), [("developer", "system"), ("tool", "user"), ("assistant", "assistant")]
)
def test_roles_are_those_of_the_template(role: str, known_as: str) -> None:
    assert prompt(messages=[{"role": role, "content": "x"}]).messages[0]["role"] == known_as


def test_parts_of_text_are_joined_and_pictures_refused() -> None:
    parts: list[dict[str, object]] = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert prompt(messages=[{"role": "user", "content": parts}]).messages[0]["content"] == "ab"
    parts.append({"type": "image_url", "image_url": {"url": "x"}})
    with pytest.raises(InvalidRequest):
        prompt(messages=[{"role": "user", "content": parts}])
