"""The examples of the README run, word for word, against a gateway as `make run` starts it."""

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from tests.support.served import Gateway, running
from tests.support.tree import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def example(name: str) -> str:
    """The code block after a `<!-- test: name -->` mark."""
    found = re.search(rf"<!-- test: {name} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert found, f"the README has no example {name}"
    return found.group(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: object) -> AsyncIterator[Gateway]:
    folder = tmp_path_factory.mktemp("readme")  # type: ignore[attr-defined]
    async with running(folder) as started:
        yield started


def run(gateway: Gateway, *command: str) -> str:
    names = {"URL": gateway.url, "KEY": gateway.key or "", "PATH": os.environ["PATH"]}
    done = subprocess.run(
        command, env=names, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def test_the_openai_example_prints_an_answer(gateway: Gateway, tmp_path: Path) -> None:
    code = example("openai").replace("http://127.0.0.1:4000", gateway.url)
    script = tmp_path / "example.py"
    script.write_text(f"key = {gateway.key!r}\n{code}")
    assert run(gateway, sys.executable, str(script)).strip()


async def test_the_document_example_finds_the_document(gateway: Gateway) -> None:
    assert "Cats sleep most of the day." in run(gateway, "sh", "-euc", example("shell"))


async def test_the_commands_of_the_readme_exist(gateway: Gateway) -> None:
    lines = re.findall(r"^\$ hx-gateway (.+)$", README, re.MULTILINE)
    assert len(lines) >= 5
    for line in lines:
        ran = await gateway.run(line.split()[0], "--help")
        assert ran.code == 0, line
