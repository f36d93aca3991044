"""Secrets that are told apart by the place they were put in, and a search for all their forms."""

import base64
import contextlib
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import msgspec

_GONE = (FileNotFoundError, ProcessLookupError)


def canary(place: str) -> str:
    """Make a secret for one place; long enough for every rule about keys."""
    return f"sk-canary-{place}-{secrets.token_hex(16)}"


def forms(secret: str) -> Iterator[bytes]:
    """Every form a secret may leave in: as it is, escaped, percent-encoded, base64, hex."""
    plain = secret.encode()
    yield plain
    yield msgspec.json.encode(secret)[1:-1]
    yield quote(secret, safe="").encode()
    for shift in range(3):  # inside a longer text base64 depends on where it begins
        whole = base64.b64encode(b"\0" * shift + plain)
        yield whole[4 if shift else 0 : len(whole) - 4]
        yield whole[4 if shift else 0 : len(whole) - 4].translate(bytes.maketrans(b"+/", b"-_"))
    yield plain.hex().encode()
    yield plain.hex().upper().encode()


def hits(planted: Mapping[str, str], texts: Mapping[str, bytes]) -> list[str]:
    """Name every secret that is in a text, as `place in text`."""
    return [
        f"{place} in {name}"
        for place, secret in planted.items()
        for name, text in texts.items()
        if any(form in text for form in forms(secret))
    ]


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, by relative path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def process_tree(pid: int) -> list[int]:
    """A process and all it started; a thread or child that ends meanwhile is left out."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        children = ""
        with contextlib.suppress(*_GONE):
            children = (task / "children").read_text()
        for child in children.split():
            with contextlib.suppress(*_GONE):
                found += process_tree(int(child))
    return found
