"""OAS-05: a client is made of our description by somebody else's program, compiles, and works."""

import asyncio
import compileall
import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.e2e.conftest import simple_config
from tests.support.served import Gateway, running
from tests.support.upstream import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

PACKAGE = "described_client"
# Code is for people elsewhere: here nothing is run over it, and no other program is looked for.
OPTIONS = f"post_hooks: []\nproject_name_override: {PACKAGE}\npackage_name_override: {PACKAGE}\n"


async def generated(gateway: Gateway, folder: Path) -> str:
    """Make the client; gives what the generator said."""
    document = folder / "openapi.json"
    document.write_bytes((await gateway.ask("/openapi.json", key=None)).body)
    options = folder / "options.yaml"
    options.write_text(OPTIONS)
    program = Path(sys.executable).with_name("openapi-python-client")
    command = [str(program), "generate", "--path", str(document), "--config", str(options)]
    command += ["--meta", "none", "--output-path", str(folder / PACKAGE)]
    made = await asyncio.to_thread(
        subprocess.run, command, cwd=folder, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return made.stdout + made.stderr


def module(name: str) -> ModuleType:
    return importlib.import_module(f"{PACKAGE}.{name}")


@pytest.mark.slow
async def test_oas_05_a_generated_client_compiles_and_works(
    tmp_path: Path, shared_upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path / "s", config=simple_config(shared_upstream)) as gateway:
        said = await generated(gateway, tmp_path)
        # One answer is of lines, which this generator has no words for.
        assert said.count("WARNING") <= 1, said
        assert "Unable to parse" not in said
        assert compileall.compile_dir(tmp_path / PACKAGE, quiet=2)
        monkeypatch.syspath_prepend(str(tmp_path))
        client: Any = module("client").AuthenticatedClient(base_url=gateway.url, token=gateway.key)
        async with client:
            models = await module("api.inference.list_models").asyncio(client=client)
            assert {"chat-a", "emb"} <= {model.id for model in models.data}
            asked = module("models.key_fields")
            made = await module("api.keys.generate_key").asyncio(
                client=client, body=asked.KeyFields(key_alias="by a generated client")
            )
            assert made.key.startswith("sk-")
            live = await module("api.health.livez").asyncio_detailed(client=client)
            assert live.status_code == 200
