"""The routing settings: each names a place in LiteLLM's file once."""

from hx_gateway.config.routing_options import ROUTING, STRATEGIES


def test_all_are_of_the_routing_section_and_take_their_fields_values() -> None:
    assert {option.path.partition(".")[0] for option in ROUTING} == {"routing"}
    assert all(option.field is not None for option in ROUTING)


def test_the_default_strategy_is_one_that_can_be_chosen() -> None:
    strategy = next(option for option in ROUTING if option.path == "routing.strategy")
    assert strategy.field.default in STRATEGIES == strategy.choices
