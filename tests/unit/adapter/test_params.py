"""Which parameters reach a provider: what is listed is not dropped, what is not listed is."""

from typing import Any

import pytest
from tests.support.calls import ask
from tests.support.golden import deployment_of

from hx_gateway.adapter.params import taken_params
from hx_gateway.adapter.request import prepare
from hx_gateway.core.provider import Provider
from hx_gateway.providers.registry import PROVIDERS

# A value for each parameter whose loss a translation would note.
VALUES: dict[str, Any] = {
    "frequency_penalty": 0.5,
    "logprobs": True,
    "max_tokens": 5,
    "n": 2,
    "parallel_tool_calls": True,
    "presence_penalty": 0.5,
    "reasoning_effort": "low",
    "seed": 1,
    "stop": ["x"],
    "temperature": 0.5,
    "top_p": 0.5,
    "user": "u",
    "store": True,
    "prediction": {"type": "content", "content": "x"},
}


def taken(name: str, **fields: Any) -> tuple[str, ...]:
    return taken_params(deployment_of(PROVIDERS[name], **fields))


def test_openai_takes_its_own_parameters_and_not_those_of_its_imitators() -> None:
    names = taken("openai")
    assert {"tools", "seed", "response_format", "stream", "max_completion_tokens"} < set(names)
    assert "messages" not in names
    assert "top_k" not in names
    assert list(names) == sorted(names)


@pytest.mark.parametrize("vendor", ["anthropic", "ollama"])
@pytest.mark.parametrize("name", VALUES)
def test_a_parameter_is_listed_if_and_only_if_it_survives_the_translation(
    vendor: str, name: str
) -> None:
    provider: Provider = PROVIDERS[vendor]
    call = ask(**{name: VALUES[name]})
    lost = f"drop:{name}" in prepare(call, deployment_of(provider)).changed
    assert (name in taken(vendor)) is not lost


def test_embedding_models_have_parameters_of_their_own() -> None:
    assert taken("openai", mode="embedding") == ("dimensions", "encoding_format", "user")


def test_a_vendor_that_answers_no_chats_takes_nothing() -> None:
    assert taken("voyage") == ()
