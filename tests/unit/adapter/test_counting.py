"""A request for a count: only where it can be answered, and without settings."""

import msgspec
from tests.support.calls import call
from tests.support.golden import deployment_of

from hx_gateway.adapter.counting import prepare_count
from hx_gateway.core import wire
from hx_gateway.providers.registry import PROVIDERS

ASKED: dict[str, object] = {"messages": [{"role": "user", "content": "Hi"}], "model": "public"}


def test_a_count_goes_to_the_path_that_counts() -> None:
    asked = msgspec.structs.replace(
        call(ASKED, "anthropic_messages"), headers={b"anthropic-beta": b"token-counting-2024-11-01"}
    )
    prepared = prepare_count(asked, deployment_of(PROVIDERS["anthropic"]))
    assert prepared is not None
    assert prepared.request.path == "/v1/messages/count_tokens"
    assert wire.decode_any(prepared.request.body) == {**ASKED, "model": "upstream-model"}
    headers = dict(prepared.request.headers)
    assert headers[b"anthropic-beta"] == b"token-counting-2024-11-01"
    assert headers[b"x-api-key"]


def test_a_translated_prompt_is_counted_without_its_settings() -> None:
    asked = call({**ASKED, "max_tokens": 9, "temperature": 0.5})
    prepared = prepare_count(asked, deployment_of(PROVIDERS["anthropic"]))
    assert prepared is not None
    assert set(wire.decode_fields(prepared.request.body)) == {"model", "messages"}


def test_a_format_that_cannot_count_is_not_asked() -> None:
    for name in ("openai", "ollama"):
        assert prepare_count(call(ASKED), deployment_of(PROVIDERS[name])) is None
