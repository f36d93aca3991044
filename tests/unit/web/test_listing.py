"""The list of models: what is in it for whom, and in which shape."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Raw
from tests.support.deployments import route
from tests.support.pipelines import CALLER, Rig, chat_deployment
from tests.support.sender import ScriptedSender

from hx_gateway.core.errors import InvalidRequest, UnknownModel, Unprocessable, Unreachable
from hx_gateway.core.facts import Catalogue
from hx_gateway.core.http import Origin, Request
from hx_gateway.core.principal import Scope
from hx_gateway.core.snapshot import RoutingSettings, Snapshot
from hx_gateway.providers.registry import PROVIDERS
from hx_gateway.web.application import decode_query
from hx_gateway.web.endpoint import Visit
from hx_gateway.web.listing import ListQuery, ModelListing, endpoints

OPENAI = PROVIDERS["openai"]
HOME = Origin(scheme="https", host="api.openai.com", port=443)
ANY = chat_deployment("any", provider=OPENAI, model="*")
AT_HOME = msgspec.structs.replace(ANY, origin=HOME, base_path="/v1")
KNOWN = Catalogue({"gpt-x": Raw(b"[1]"), "openai/own": Raw(b"[1]"), "claude-x": Raw(b"[1]")})
A, B = chat_deployment("a", mode="chat", max_input_tokens=7), chat_deployment("b")


def rig(wildcard: Any = ANY) -> Rig:
    return Rig(
        ScriptedSender(),
        route("m", A, fallbacks=("other",), access_groups=("beta",)),
        route("other", B, context_window_fallbacks=("m",)),
        route("openai/*", wildcard),
        catalogue=KNOWN,
    )


async def ask(
    query: str = "",
    *,
    rig: Rig | None = None,
    headers: Mapping[bytes, bytes] | None = None,
    routing: RoutingSettings | None = None,
    **caller: Any,
) -> Any:
    snapshot = Snapshot(
        state_dir=Path("unused"), routes={}, catalogue=KNOWN, routing=routing or RoutingSettings()
    )
    listing = ModelListing((rig or globals()["rig"]()).pipeline, snapshot)
    visit = Visit(
        "v",
        Request("GET", "/v1/models", query, dict(headers or {})),
        msgspec.structs.replace(CALLER, **caller),
    )
    visit.query = decode_query(query, ListQuery)
    return msgspec.json.decode((await listing.models(visit)).body)


async def show(name: str, headers: dict[bytes, bytes] | None = None, **caller: Any) -> Any:
    listing = ModelListing(rig().pipeline, Snapshot(state_dir=Path("unused"), routes={}))
    visit = Visit(
        "v",
        Request("GET", f"/v1/models/{name}", "", headers or {}),
        msgspec.structs.replace(CALLER, **caller),
    )
    visit.path = {"model": name}
    return msgspec.json.decode((await listing.model(visit)).body)


def ids(answer: Any) -> list[str]:
    return [card["id"] for card in answer["data"]]


@pytest.mark.parametrize(
    ("query", "models", "names"),
    [
        ("", (), ["m", "other"]),
        ("", ("other",), ["other"]),
        ("", ("beta",), ["m"]),  # the key has an access group, not the name
        ("return_wildcard_routes=true", (), ["m", "other", "openai/*"]),
        ("return_wildcard_routes=True", ("m",), ["m"]),
        ("return_wildcard_routes=false", (), ["m", "other"]),
        ("include_model_access_groups=true", (), ["m", "other", "beta"]),
        ("include_model_access_groups=true", ("other",), ["other"]),
        ("only_model_access_groups=true", (), ["beta"]),
        ("client_version=1&limit=20&unknown=x", (), ["m", "other"]),
    ],
)
async def test_a_list_holds_what_is_asked_for_and_the_key_may_use(
    query: str, models: tuple[str, ...], names: list[str]
) -> None:
    assert ids(await ask(query, models=models)) == names


async def test_the_configuration_may_show_wildcards_and_a_request_knows_better() -> None:
    shows = RoutingSettings(list_wildcards=True)
    assert "openai/*" in ids(await ask(routing=shows))
    assert "openai/*" not in ids(await ask("return_wildcard_routes=false", routing=shows))


async def test_a_vendors_own_wildcard_is_listed_as_its_models() -> None:
    assert ids(await ask(rig=rig(AT_HOME))) == ["m", "other", "openai/gpt-x", "openai/own"]
    some = await ask(rig=rig(AT_HOME), models=("openai/gpt-*",))
    assert ids(some) == ["openai/gpt-x"]


async def test_a_server_that_imitates_a_vendor_is_not_said_to_have_its_models() -> None:
    assert "openai/gpt-x" not in ids(await ask(rig=rig(ANY)))


async def test_models_that_all_cool_down_can_be_left_out() -> None:
    one = rig()
    for _ in range(3):
        one.health.failed(A, one.clock.monotonic(), Unreachable("down"), alone=False)
    assert ids(await ask("healthy_only=true", rig=one)) == ["other"]
    assert ids(await ask(rig=one)) == ["m", "other"]


@pytest.mark.parametrize(
    ("query", "fallbacks"),
    [
        ("include_metadata=true", [["other"], []]),
        ("include_metadata=true&fallback_type=context_window", [[], ["m"]]),
        ("include_metadata=true&fallback_type=content_policy", [[], []]),
    ],
)
async def test_fallbacks_are_shown_on_request(query: str, fallbacks: list[list[str]]) -> None:
    cards = (await ask(query))["data"]
    assert [card["metadata"]["fallbacks"] for card in cards] == fallbacks
    assert "metadata" not in (await ask())["data"][0]


async def test_an_administrator_may_see_what_its_key_does_not_list() -> None:
    admin = frozenset({Scope.ADMIN})
    assert ids(await ask("scope=expand", models=("other",), scopes=admin)) == ["m", "other"]
    assert ids(await ask("scope=expand", models=("other",))) == ["other"]
    with pytest.raises(InvalidRequest):
        await ask("scope=all")


async def test_a_query_that_makes_no_sense_is_refused() -> None:
    for query in ("include_metadata=perhaps", "fallback_type=none"):
        with pytest.raises(Unprocessable):
            await ask(query)


async def test_clients_of_messages_get_the_list_in_their_shape() -> None:
    answer = await ask(headers={b"anthropic-version": b"2023-06-01"})
    assert (answer["first_id"], answer["last_id"], answer["has_more"]) == ("m", "other", False)
    assert answer["data"][0] == {
        "type": "model",
        "id": "m",
        "display_name": "m",
        "created_at": "2023-02-28T18:56:42Z",
        "max_input_tokens": 7,
        "max_tokens": None,
    }
    one = await show("m", headers={b"anthropic-version": b"2023-06-01"})
    assert one == answer["data"][0]


async def test_one_model_is_shown_by_its_name_and_by_what_a_wildcard_catches() -> None:
    assert (await show("m"))["max_input_tokens"] == 7
    assert (await show("openai/gpt-x"))["id"] == "openai/gpt-x"
    with pytest.raises(UnknownModel):
        await show("nothing")


async def test_a_model_that_the_key_may_not_use_is_not_there() -> None:
    with pytest.raises(UnknownModel):
        await show("m", models=("other",))
    assert (await show("m", models=("beta",)))["id"] == "m"


def test_every_route_needs_the_inference_scope_and_its_own_name() -> None:
    listing = ModelListing(rig().pipeline, Snapshot(state_dir=Path("unused"), routes={}))
    listed = endpoints(listing)
    assert {each.scope for each in listed} == {Scope.INFERENCE}
    assert len({each.name for each in listed}) == len(listed)


async def test_a_model_is_what_openais_clients_expect() -> None:
    """`object` was missing: it equals its default, and defaults were left out."""
    for card in ((await ask())["data"][0], await show("m")):
        assert (card["object"], card["id"], card["owned_by"]) == ("model", "m", "vendor")
        assert isinstance(card["created"], int)
