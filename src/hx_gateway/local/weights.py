"""Tell whether a file of weights is the one that was checked when this version was made."""

import hashlib
from pathlib import Path


class WrongWeights(Exception):
    """The file is another one, or damaged."""


def check_sha256(path: Path, expected: str) -> None:
    """Raise WrongWeights unless the file is the expected one (0.1 s for 100 MB)."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise WrongWeights(f"{path.name} has sha256 {found[:12]}..., expected {expected[:12]}...")
