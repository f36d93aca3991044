from pathlib import Path

import pytest
from tests.support.configs import node, variables
from tests.support.deployments import PROVIDER

from hx_gateway.config import embedded
from hx_gateway.config.document import Node
from hx_gateway.config.embedded import Found


def names(nodes: list[Node]) -> list[str]:
    return [str(value.value) for entry in nodes if (value := entry.get("model_name"))]


def test_the_demo_is_the_real_model_where_it_is_installed() -> None:
    for found, model in (
        (Found(chat=True), "local/SmolLM2-135M-Instruct"),
        (Found(), "demo/scripted"),
    ):
        entry = embedded.demo_model(found)
        assert entry.find("model_name") is not None
        assert entry.find("litellm_params.model") == Node(model, entry.place)


def test_only_vendors_with_a_credential_are_offered() -> None:
    import msgspec

    acme = msgspec.structs.replace(PROVIDER, key_env=("ACME_KEY",), aliases=("acme_chat",))
    homeless = msgspec.structs.replace(
        acme, name="homeless", base_url=None, base_env=("HOMELESS_BASE",)
    )
    providers = {
        "acme": acme,
        "acme_chat": acme,
        "homeless": homeless,
        "poor": msgspec.structs.replace(acme, name="poor", key_env=("NOT_SET",)),
    }
    assert names(embedded.vendors(providers, variables(ACME_KEY="k"))) == ["acme/*"]
    assert names(
        embedded.vendors(providers, variables(ACME_KEY="k", HOMELESS_BASE="http://h"))
    ) == ["acme/*", "homeless/*"]
    assert embedded.vendors(providers, variables()) == []


def test_servers_offer_their_models_and_what_comes_later() -> None:
    seen = {"acme": {"http://a:1": ("x", "y"), "http://b:1": ("x",)}}
    listed = embedded.nodes(seen)
    assert names(listed) == ["acme/x", "acme/y", "acme/x", "acme/*", "acme/*"]
    assert [str(n.value) for entry in listed if (n := entry.find("litellm_params.api_base"))] == [
        "http://a:1",
        "http://a:1",
        "http://b:1",
        "http://a:1",
        "http://b:1",
    ]


def test_nodes_of_the_configuration_are_read_by_provider() -> None:
    root = node("hx: {acme: ['http://a', 'http://b'], rag: {enabled: true}}")
    known = {"acme": PROVIDER}
    assert embedded.configured_nodes(root, known, frozenset({"acme"})) == {
        "acme": {"http://a": (), "http://b": ()}
    }
    assert embedded.configured_nodes(node("{}"), known, frozenset({"acme"})) == {}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("http://A:1/", "http://a:1"),
        ("http://a:80", "http://a"),
        ("a:1", "http://a:1"),
        ("a", "http://a:7"),
        ("[::1]", "http://[::1]:7"),
        ("http://a:1/x/", "http://a:1/x"),
        ("ftp://a", None),
        ("http://u:p@a", None),
        ("", None),
    ],
)
def test_an_address_is_the_same_however_it_is_written(written: str, meant: str | None) -> None:
    """Symptom: `gpu-a:11434`, as Ollama's own settings have it, was refused."""
    assert embedded.node_url(written, "http://localhost:7") == meant


def test_every_local_model_has_a_socket() -> None:
    assert embedded.sockets(Path("/s")) == {
        "SmolLM2-135M-Instruct": "/s/run/chat.sock",
        "all-MiniLM-L6-v2-int8": "/s/run/embed.sock",
        "scripted": "/s/run/scripted.sock",
    }


def test_installed_parts_are_found_without_importing_them() -> None:
    import sys

    before = set(sys.modules)
    found = embedded.find_installed()
    assert isinstance(found, Found)
    assert not {"mistralrs", "onnxruntime", "qdrant_edge"} & (set(sys.modules) - before)
