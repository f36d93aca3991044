"""Which deployments are on which node, and what it is called."""

from pathlib import Path

import pytest
from tests.support.configs import check

from hx_gateway.config.embedded import Found
from hx_gateway.core.snapshot import Snapshot
from hx_gateway.core.wire import decode_any

LISTED = """
model_list:
- {model_name: small, litellm_params: {model: ollama_chat/llama3.2, api_base: "http://192.0.2.1:11434"}}
- {model_name: small, litellm_params: {model: ollama/llama3.2, api_base: "http://192.0.2.2:11434/"},
   model_info: {node: big, num_parallel: 4}}
- {model_name: other, litellm_params: {model: ollama/qwen3, api_base: "http://192.0.2.1:11434"}}
- {model_name: rented, litellm_params: {model: openai/gpt-4o, api_key: k}}
"""


def snapshot(folder: Path, text: str | None, environ: dict[str, str] | None = None) -> Snapshot:
    result = check(folder, text, environ)
    assert result.problems == ()
    assert result.snapshot is not None
    return result.snapshot


def test_deployments_at_one_address_are_on_one_node(tmp_path: Path) -> None:
    made = snapshot(tmp_path, LISTED)
    assert [(node.name, node.parallel) for node in made.nodes] == [("ollama-1", None), ("big", 4)]
    assert [each.node for each in made.routes["small"].deployments] == ["ollama-1", "big"]
    assert made.routes["other"].deployments[0].node == "ollama-1"
    assert made.routes["rented"].deployments[0].node is None


def test_a_list_of_nodes_may_name_them(tmp_path: Path) -> None:
    text = (
        LISTED
        + """
hx:
  ollama: [{url: "http://192.0.2.1:11434", name: gpu1, parallel: 2}, "http://192.0.2.3:11434"]
"""
    )
    made = snapshot(tmp_path, text)
    assert [(n.name, n.parallel) for n in made.nodes] == [
        ("gpu1", 2),
        ("big", 4),
        ("ollama-3", None),
    ]
    [everything] = made.wildcards
    assert [each.node for each in everything.deployments] == ["gpu1", "ollama-3"]


def test_the_number_for_all_nodes_is_weaker_than_that_of_one(tmp_path: Path) -> None:
    made = snapshot(tmp_path, LISTED + "hx: {fleet: {parallel: 3}}")
    assert [(node.name, node.parallel) for node in made.nodes] == [("ollama-1", 3), ("big", 4)]


@pytest.mark.parametrize(("wish", "fields"), [("warn", {}), ("refuse", {"truncate": False})])
def test_a_node_that_shall_refuse_long_prompts_is_told_so(
    tmp_path: Path, wish: str, fields: dict[str, object]
) -> None:
    made = snapshot(tmp_path, LISTED + f"hx: {{fleet: {{context: {wish}}}}}")
    defaults = made.routes["other"].deployments[0].defaults
    assert {name: decode_any(value) for name, value in defaults.items()} == fields


def test_what_is_wrong_with_a_node_is_said(tmp_path: Path) -> None:
    text = r"""
hx:
  ollama:
  - {name: a}
  - {url: "http://x:1", name: a, weight: 3}
  - {url: "http://y:1", name: a}
  - {url: "http://z:1", name: "b\n"}
  - {url: "http://z:2", name: c/d}
  - ftp://z
"""
    problems = "\n".join(check(tmp_path, text).problems)
    assert "hx.ollama[0]: has no url" in problems
    assert "hx.ollama[1].weight: unknown setting" in problems
    assert "hx.ollama[5]: must start with http:// or https://" in problems
    assert "hx.ollama[3]" not in problems
    assert r"'b\n' is no name of a node" in problems
    assert "'c/d' is no name of a node" in problems
    assert "two nodes are named 'a'" in problems


@pytest.mark.parametrize(
    ("name", "value", "authority"),
    [
        ("OLLAMA_API_BASE", "http://far:8000", "far:8000"),
        ("OLLAMA_HOST", "far", "far:11434"),
        ("OLLAMA_HOST", "far:8000", "far:8000"),
        ("OLLAMA_HOST", "[::1]:8000", "[::1]:8000"),
    ],
)
def test_without_a_model_list_the_environment_names_a_node(
    tmp_path: Path, name: str, value: str, authority: str
) -> None:
    made = snapshot(tmp_path, None, {name: value})
    assert [node.origin.authority for node in made.nodes] == [authority]
    assert [route.name for route in made.wildcards] == ["ollama/*"]


def test_what_the_environment_names_offers_nothing_beside_a_model_list(tmp_path: Path) -> None:
    made = snapshot(tmp_path, "model_list: []", {"OLLAMA_HOST": "far"})
    assert (made.nodes, made.wildcards) == ((), ())


def test_nodes_that_were_found_have_names(tmp_path: Path) -> None:
    found = Found(nodes={"ollama": {"http://localhost:11434": ("m:latest",)}})
    made = check(tmp_path, None, None, found=found).snapshot
    assert made is not None
    assert made.routes["ollama/m:latest"].deployments[0].node == "ollama-1"
