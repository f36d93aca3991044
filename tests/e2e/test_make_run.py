"""`make run` on a machine that has not everything: it starts with what there is, and says so."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.fetch import fetch
from tests.support.served import until
from tests.support.tree import ROOT, find_uv

pytestmark = pytest.mark.slow
# Only what finds programs and packages: no keys, nothing that configures a gateway.
PASSED_ON = re.compile(r"PATH|HOME|LANG|TMPDIR|(UV_|PIP_|XDG_|SSL_)\w+|\w+_(proxy|PROXY)")


@contextmanager
def made(folder: Path, lacking: str) -> Iterator[Path]:
    """Run `make run` in a fresh copy, where packages of these names have no wheel; gives its log."""
    tree, log = folder / "tree", folder / "log"
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in names.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)
    inherited = {k: v for k, v in os.environ.items() if PASSED_ON.fullmatch(k)}
    own = {"UV_NO_BINARY_PACKAGE": lacking, "PORT": "0", "HX_STATE_DIR": str(folder / "state")}
    with log.open("wb") as file:
        process = subprocess.Popen(
            ["make", "run", f"UV={find_uv()}"],
            cwd=tree,
            env={**inherited, **own},
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        yield log
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


@pytest.mark.parametrize(
    ("lacking", "said", "searches"),
    [
        ("mistralrs", "The language model cannot be installed here", True),
        ("mistralrs onnxruntime", "The embedding model and the vector engine cannot", False),
    ],
)
async def test_it_starts_without_local_models_and_says_so(
    tmp_path: Path, lacking: str, said: str, searches: bool
) -> None:
    with made(tmp_path, lacking) as log:
        await until(lambda: "Try it:" in log.read_text(), 300.0, "a gateway")
        told = log.read_text()
        assert said in told
        assert "`demo` gives scripted answers" in told
        (line,) = [each for each in told.splitlines() if each.startswith("  curl ")]
        pasted = await asyncio.create_subprocess_exec(
            "sh", "-c", f"{line} -s --retry 30 --retry-all-errors", stdout=subprocess.PIPE
        )
        answer, _ = await pasted.communicate()
        assert b"demo: no model ran" in answer
        url = re.findall(r"answers on (\S+)/v1", told)[0]
        key = re.findall(r"^Master key .*: (\S+)$", told, re.MULTILINE)[0]
        models = (await fetch(f"{url}/v1/models", key=key)).json()
        kinds = {model["mode"] for model in models["data"]}
        assert ("embedding" in kinds) is searches
