"""Names: exact, alias, wildcard, unknown."""

from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw
from tests.support.deployments import deployment, route

from hx_gateway.core.errors import InvalidRequest, UnknownModel
from hx_gateway.core.facts import Catalogue
from hx_gateway.core.snapshot import RoutingSettings, Snapshot
from hx_gateway.core.usage import Price
from hx_gateway.routing.table import MAX_EXPANDED, Table, expand

CHAT = route("chat", deployment("a"))
HIDDEN = route("inner", deployment("b"), hidden=True)
ANY_OPENAI = route("openai/*", deployment("o", model="*"))
ANY_MINI = route("openai/*-mini", deployment("m", model="small-*"))


def table(**fields: Any) -> Table:
    fields.setdefault("routes", {"chat": CHAT, "inner": HIDDEN})
    fields.setdefault("wildcards", (ANY_MINI, ANY_OPENAI))
    fields.setdefault("aliases", {"gpt": "chat"})
    return Table(Snapshot(state_dir=Path("unused"), **fields))


@pytest.mark.parametrize(
    ("name", "deployment_id", "model"),
    [
        ("chat", "a", "model-a"),
        ("gpt", "a", "model-a"),
        ("openai/x", "o", "x"),
        ("openai/a/b", "o", "a/b"),
        ("openai/x-mini", "m", "small-x"),
    ],
)
def test_a_name_is_found(name: str, deployment_id: str, model: str) -> None:
    found = table().find(name)
    assert (found.deployments[0].id, found.deployments[0].model) == (deployment_id, model)


@pytest.mark.parametrize("name", ["", "Chat", "openai/", "other/x", "chat ", "openai"])
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(UnknownModel):
        table().find(name)


def test_the_status_of_an_unknown_model_can_be_litellms() -> None:
    with pytest.raises(UnknownModel) as caught:
        table(routing=RoutingSettings(unknown_model_status=400)).find("nowhere")
    assert caught.value.http_status == 400


def test_a_refusal_shows_little_of_what_was_sent() -> None:
    with pytest.raises(UnknownModel) as caught:
        table().find("x\n" + "y" * 5000)
    assert len(caught.value.message) < 250
    assert "\n" not in caught.value.message


def test_names_leave_out_wildcards_and_hidden_routes() -> None:
    assert table().names() == ["chat", "gpt"]
    assert [each.name for each in table().shown()] == ["chat", "openai/*-mini", "openai/*"]
    assert table().patterns() == ["openai/*-mini", "openai/*"]
    hidden = table(hidden_aliases=frozenset({"gpt"}))
    assert hidden.names() == ["chat"]
    assert hidden.find("gpt").name == "chat"  # it answers all the same


def test_what_a_wildcard_caught_is_marked_as_the_callers_own_words() -> None:
    found = table().find("openai/x")
    assert (found.pattern, found.deployments[0].is_filled) == ("openai/*", True)
    assert (CHAT.pattern, CHAT.deployments[0].is_filled) == (None, False)


def test_a_request_without_model_takes_its_group_or_the_default() -> None:
    with_default = table(routing=RoutingSettings(default_group="chat"))
    assert with_default.default(None) == "chat"
    assert with_default.default("other") == "other"
    with pytest.raises(InvalidRequest):
        table().default(None)


def test_names_that_callers_make_up_do_not_fill_the_memory() -> None:
    names = table()
    for n in range(MAX_EXPANDED + 100):
        names.find(f"openai/{n}")
    assert len(names._expanded) == MAX_EXPANDED


def test_a_wildcard_is_expanded_to_a_name_or_to_nothing() -> None:
    found = expand(ANY_MINI, "openai/x-mini")
    assert found is not None
    assert (found.name, found.deployments[0].model) == ("openai/x-mini", "small-x")
    assert expand(ANY_MINI, "openai/x") is None


VENDOR_NAMES = (("gpt-", "openai"), ("claude-", "anthropic"))


@pytest.mark.parametrize(
    ("name", "model"),
    [("gpt-4o", "gpt-4o"), ("gpt-4o-mini", "small-gpt-4o"), ("openai/gpt-4o", "gpt-4o")],
)
def test_a_plain_name_is_caught_by_the_pattern_of_its_vendor(name: str, model: str) -> None:
    """As in LiteLLM: `gpt-4o` is answered where only `openai/*` is configured."""
    found = table(vendor_names=VENDOR_NAMES)
    assert found.find(name).deployments[0].model == model
    assert found.find(name).pattern in {"openai/*", "openai/*-mini"}
    assert found.way_to(name) == "pattern"


@pytest.mark.parametrize("name", ["claude-4", "mistral-7b", "other/gpt-4o"])
def test_a_plain_name_of_a_vendor_without_a_pattern_is_unknown(name: str) -> None:
    with pytest.raises(UnknownModel):
        table(vendor_names=VENDOR_NAMES).find(name)


def test_a_route_that_lists_a_plain_name_goes_before_the_pattern() -> None:
    own = route("gpt-4o", deployment("own"))
    found = table(vendor_names=VENDOR_NAMES, routes={"gpt-4o": own})
    assert found.find("gpt-4o").deployments[0].id == "own"
    other = route("openai/gpt-4o", deployment("own"))  # another name, as LiteLLM has it
    found = table(vendor_names=VENDOR_NAMES, routes={"openai/gpt-4o": other})
    assert found.find("gpt-4o").deployments[0].id == "o"


def test_what_a_wildcard_catches_has_its_price() -> None:
    """Calls by a wildcard cost nothing in the log: its deployment was priced as the model `*`."""
    found = table(catalogue=Catalogue({"x": Raw(b"[1000,2000]")})).find("openai/x")
    assert found.deployments[0].price == Price(input=1000, output=2000)
    assert table().find("openai/x").deployments[0].price is None
