"""Three rules for parameters a vendor does not take, at the level of fields and of values."""

import msgspec
import pytest
from tests.support.calls import ask, call
from tests.support.golden import deployment_of

from hx_gateway.adapter.contract import (
    Terms,
    apply_terms,
    check_losses,
    check_tools,
    terms_of,
)
from hx_gateway.adapter.request import prepare
from hx_gateway.core.call import Contract
from hx_gateway.core.chat import Chat, Tool
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.providers.registry import PROVIDERS

CHAT = {"openai_chat"}
NONE: frozenset[str] = frozenset()


def test_forward_sends_everything() -> None:
    fields = ask(zzz=1).fields
    assert apply_terms(fields, Terms(), CHAT, NONE) == (fields, ())


def test_strict_names_the_first_unknown_parameter() -> None:
    with pytest.raises(InvalidRequest) as caught:
        apply_terms(ask(zzz=1, aaa=1).fields, Terms(rule="strict"), CHAT, NONE)
    assert (caught.value.param, caught.value.error_code) == ("aaa", "unsupported_parameter")


def test_what_either_side_knows_is_known() -> None:
    fields = call({"messages": [], "thinking": {}, "system": "x"}, "anthropic_messages").fields
    strict = Terms(rule="strict")
    assert apply_terms(fields, strict, {"anthropic_messages", "ollama_chat"}, NONE)[1] == ()
    with pytest.raises(InvalidRequest):
        apply_terms(fields, strict, CHAT, NONE)


def test_a_format_without_a_list_knows_everything() -> None:
    fields = ask(zzz=1).fields
    assert apply_terms(fields, Terms(rule="strict"), {"some_other"}, NONE) == (fields, ())


def test_named_parameters_are_dropped_under_every_rule() -> None:
    for rule in ("forward", "drop", "strict"):
        terms = Terms(rule=rule, dropped=frozenset({"user", "absent"}))
        kept, notes = apply_terms(ask(user="u").fields, terms, CHAT, NONE)
        assert "user" not in kept
        assert notes == ("drop:user",)


def test_the_callers_terms_add_to_the_deployments() -> None:
    deployment = deployment_of(
        PROVIDERS["openai"], params="strict", allowed=frozenset({"a"}), dropped=("b",)
    )
    wish = Contract(allowed=("c",), dropped=("d",))
    assert terms_of(msgspec.structs.replace(ask(), contract=wish), deployment) == Terms(
        rule="strict", allowed=frozenset({"a", "c"}), dropped=frozenset({"b", "d"})
    )
    assert terms_of(ask(), deployment).rule == "strict"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"seed": 7}, "seed"),
        ({"n": 2}, "n"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"logit_bias": {"1": 1}}, "logit_bias"),
    ],
)
def test_strict_refuses_what_a_translation_would_lose(
    fields: dict[str, object], param: str
) -> None:
    """Dropping it would change the meaning without a word in the answer."""
    asked = ask(**fields)
    with pytest.raises(InvalidRequest) as caught:
        prepare(asked, deployment_of(PROVIDERS["anthropic"], params="strict"))
    assert caught.value.param == param
    for params in ("forward", "drop"):
        prepared = prepare(asked, deployment_of(PROVIDERS["anthropic"], params=params))
        assert f"drop:{param}" in prepared.changed


def test_a_value_that_was_only_bent_is_no_loss() -> None:
    check_losses(["clamp:temperature"], Terms(rule="strict"))
    check_losses(["drop:seed"], Terms(rule="strict", allowed=frozenset({"seed"})))


def test_a_path_drops_what_lies_in_a_parameter() -> None:
    """As LiteLLM's `additional_drop_params: ["tools[*].function.strict"]`."""
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}, "strict": True}}]
    deployment = deployment_of(PROVIDERS["openai"], dropped=("tools[*].function.strict", "user"))
    sent = prepare(ask(tools=tools, user="u"), deployment)
    body = msgspec.json.decode(sent.request.body)
    assert body["tools"] == [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    assert sent.changed == ("drop:user", "drop:tools[*].function.strict")


def test_a_path_in_the_words_of_the_provider_drops_there() -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    deployment = deployment_of(PROVIDERS["anthropic"], dropped=("tools[*].input_schema.type",))
    sent = prepare(ask(tools=tools), deployment)
    assert msgspec.json.decode(sent.request.body)["tools"][0]["input_schema"] == {}
    assert "drop:tools[*].input_schema.type" in sent.changed


SEARCH = Tool(name="web_search", raw=msgspec.Raw(b"{}"), dialect="anthropic_messages")


@pytest.mark.parametrize(
    ("tools", "terms", "is_refused"),
    [
        ((SEARCH,), Terms(), True),
        ((SEARCH, SEARCH), Terms(rule="strict"), True),
        ((SEARCH, Tool(name="f")), Terms(), False),
        ((), Terms(), False),
        ((SEARCH,), Terms(rule="drop"), False),
        ((SEARCH,), Terms(allowed=frozenset({"tools"})), False),
    ],
)
def test_a_call_whose_only_tools_run_elsewhere_is_refused(
    tools: tuple[Tool, ...], terms: Terms, *, is_refused: bool
) -> None:
    """Symptom: Claude Code took for search results what a model without a search made up."""
    chat = Chat(messages=(), tools=tools)
    check_tools(chat, "anthropic_messages", terms)
    if is_refused:
        with pytest.raises(InvalidRequest, match="web_search"):
            check_tools(chat, "openai_chat", terms)
    else:
        check_tools(chat, "openai_chat", terms)
