"""What is known of a model, under which of its names, and how that joins the configuration."""

import msgspec
import pytest
from msgspec import Raw
from tests.support.deployments import deployment

from hx_gateway.core.facts import FEATURES, NO_FACTS, Catalogue, ModelFacts, informed, listed_as
from hx_gateway.core.usage import Price
from hx_gateway.providers.registry import PROVIDERS

OPENAI, MISTRAL = PROVIDERS["openai"], PROVIDERS["mistral"]
TABLE = Catalogue(
    {
        "gpt-x": Raw(b'[1000,2000,null,null,10,20,"chat",9]'),
        "mistral/large": Raw(b"[3,4]"),
        "openai/own": Raw(b"[5]"),
        "claude-x": Raw(b"[7]"),
    }
)


def test_the_first_known_name_wins() -> None:
    assert TABLE.look_up("large", "mistral/large", "gpt-x") == (
        "mistral/large",
        ModelFacts(input=3, output=4),
    )
    assert TABLE.look_up("nothing") == (None, NO_FACTS)


def test_facts_without_token_prices_have_no_price() -> None:
    assert ModelFacts(mode="chat").price is None
    assert ModelFacts(input=5).price == Price(input=5)


def test_features_are_read_from_their_bits() -> None:
    assert TABLE.look_up("gpt-x")[1].features == {FEATURES[0], FEATURES[3]}
    assert NO_FACTS.features == frozenset()
    every = ModelFacts(bits=(1 << len(FEATURES)) - 1)
    assert every.features == set(FEATURES)


@pytest.mark.parametrize(
    ("vendor", "models"), [("openai", ["gpt-x", "own"]), ("mistral", ["large"]), ("groq", [])]
)
def test_a_vendors_models_are_named_without_its_prefix(vendor: str, models: list[str]) -> None:
    assert list(TABLE.models_of(PROVIDERS[vendor])) == models


def test_a_model_may_be_listed_with_each_prefix_or_none() -> None:
    assert listed_as(MISTRAL, "large")[0] == "mistral/large"
    assert listed_as(MISTRAL, "large")[-1] == "large"


def test_a_deployment_learns_what_the_table_knows() -> None:
    plain = deployment("d", provider=OPENAI, model="gpt-x")
    known = informed(plain, TABLE)
    assert known.price == Price(input=1000, output=2000)
    assert (known.listed_as, known.mode, known.max_input_tokens) == ("gpt-x", "chat", 10)
    assert known.supports == {FEATURES[0], FEATURES[3]}


def test_what_the_configuration_says_is_kept() -> None:
    own = deployment(
        "d", provider=OPENAI, model="gpt-x", price=Price(input=1), mode="responses",
        max_input_tokens=5, supports=frozenset({"vision"}),
    )  # fmt: skip
    known = informed(own, TABLE)
    assert (known.price, known.mode, known.max_input_tokens) == (Price(input=1), "responses", 5)
    assert "vision" in known.supports


def test_an_unknown_model_stays_as_it_is() -> None:
    unknown = deployment("d", provider=OPENAI, model="gpt-y")
    assert informed(unknown, TABLE) is unknown
    assert msgspec.structs.replace(unknown, model="own") != informed(
        msgspec.structs.replace(unknown, model="own"), TABLE
    )
