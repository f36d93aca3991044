"""`model: "*"`: whatever is asked, of whichever vendor a credential is there for."""

from pathlib import Path

from tests.support.configs import check

from hx_gateway.core.snapshot import Snapshot
from hx_gateway.routing.table import Table

KEYS = {"OPENAI_API_KEY": "sk-o", "MISTRAL_API_KEY": "sk-m"}


def loaded(folder: Path, entry: str, **environ: str) -> Snapshot:
    result = check(folder, f"model_list: [{entry}]", environ)
    assert result.snapshot is not None, result.problems
    return result.snapshot


def test_each_vendor_with_a_credential_answers_for_its_prefix(tmp_path: Path) -> None:
    entry = "{model_name: '*', litellm_params: {model: '*'}, model_info: {id: any}}"
    snapshot = loaded(tmp_path, entry, **KEYS)
    names = {route.name for route in snapshot.wildcards}
    assert {"openai/*", "mistral/*"} <= names
    assert names.isdisjoint({"anthropic/*", "groq/*", "*"})
    table = Table(snapshot)
    found = table.find("mistral/mistral-large-latest").deployments[0]
    assert (found.provider.name, found.model, found.id) == (
        "mistral",
        "mistral-large-latest",
        "any-mistral",
    )
    assert table.find("gpt-4o").deployments[0].provider.name == "openai"
    assert table.get("nothing") is None


def test_an_address_of_its_own_answers_for_every_prefix(tmp_path: Path) -> None:
    entry = (
        "{model_name: 'all/*', litellm_params: {model: '*', api_base: 'http://h/v1', api_key: k}}"
    )
    table = Table(loaded(tmp_path, entry))
    for name in ("openai/m", "anthropic/m", "groq/m"):
        found = table.find(f"all/{name}").deployments[0]
        assert (f"{found.provider.name}/{found.model}", found.origin.host) == (name, "h")


def test_without_any_credential_nobody_answers(tmp_path: Path) -> None:
    entry = "{model_name: '*', litellm_params: {model: '*'}}"
    assert loaded(tmp_path, entry).wildcards == ()


def test_a_credential_alone_means_the_vendors_that_have_an_address(tmp_path: Path) -> None:
    entry = "{model_name: '*', litellm_params: {model: '*', api_key: k}}"
    table = Table(loaded(tmp_path, entry))
    assert table.get("groq/m") is not None
    assert table.get("azure/m") is None
