import pytest
from tests.support.configs import node

from hx_gateway.config.leftout import left_out

FIRST = "model_list[0].litellm_params"


def found(params: str, more: str = "") -> frozenset[str]:
    return left_out(node(f"model_list: [{{model_name: m, litellm_params: {{{params}}}}}]\n{more}"))


@pytest.mark.parametrize(
    "params",
    [
        "model: nobody/x, api_key: os.environ/K",
        "model: nobody",
        "model: openai/x, custom_llm_provider: nobody",
        "model: nobody/x, api_base: 'http://h'",
    ],
)
def test_a_model_of_nobody_known_is_left_out(params: str) -> None:
    assert found(params) == {FIRST}


@pytest.mark.parametrize(
    "params",
    [
        "model: openai/x, api_key: os.environ/K",
        "model: os.environ/M",
        "model: nobody/x, custom_llm_provider: os.environ/P",
        "model: nobody/x, api_base: os.environ/B",
        "model: nobody/x, litellm_credential_name: c",
        "model: nobody/x, custom_llm_provider: openai",
        "model: '*'",
        "model: 5",
        "api_key: os.environ/K",
    ],
)
def test_a_model_that_may_have_a_provider_is_not(params: str) -> None:
    assert found(params) == frozenset()


def test_defaults_may_give_every_model_a_provider() -> None:
    more = "router_settings: {default_litellm_params: {custom_llm_provider: openai}}"
    assert found("model: nobody/x", more) == frozenset()


def test_other_shapes_are_left_to_those_who_report_them() -> None:
    assert left_out(node("{}")) == left_out(node("model_list: {a: 1}")) == frozenset()
    assert left_out(node("model_list: [x, {litellm_params: y}]")) == frozenset()
