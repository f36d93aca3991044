"""Calls that are changed so that a provider takes them: only where that is allowed, and noted."""

from typing import Any

import msgspec
import pytest
from tests.support.calls import ask
from tests.support.golden import deployment_of

from hx_gateway.adapter.mend import bounded, mended
from hx_gateway.adapter.request import prepare
from hx_gateway.core.provider import Draft
from hx_gateway.core.wire import raw
from hx_gateway.dialects import openai_chat
from hx_gateway.providers.registry import PROVIDERS


def sent(vendor: str, call: Any, **fields: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    prepared = prepare(call, deployment_of(PROVIDERS[vendor], **fields))
    return msgspec.json.decode(prepared.request.body), prepared.changed


LONG = ask(max_tokens=999_999)
SYSTEM = ask(messages=[{"role": "system", "content": "be"}])


def test_nothing_is_mended_unless_it_is_allowed() -> None:
    assert sent("anthropic", SYSTEM)[0]["messages"] == []
    assert sent("openai", LONG, max_output_tokens=10)[0]["max_tokens"] == 999_999


def test_a_conversation_is_mended_where_the_way_out_knows_how() -> None:
    body, changed = sent("anthropic", SYSTEM, mends=True)
    assert body["messages"] == [{"role": "user", "content": "."}]
    assert "set:messages" in changed
    assert sent("openai", SYSTEM, mends=True)[1] == ()


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
def test_the_longest_answer_is_what_the_model_can_write(vendor: str) -> None:
    body, changed = sent(vendor, LONG, mends=True, max_output_tokens=4096)
    assert body["max_tokens"] == 4096
    assert "clamp:max_tokens" in changed


def test_a_shorter_answer_or_an_unknown_model_is_left_alone() -> None:
    draft = Draft(path="/", fields={"max_tokens": raw(5)})
    assert bounded(draft, 10) == draft
    assert bounded(draft, None) is draft


def test_what_is_no_conversation_is_not_mended() -> None:
    question = openai_chat.WAY_IN.read(ask())
    assert mended(question, openai_chat.WAY_OUT) == (question, ())
