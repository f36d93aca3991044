"""CFG-17: the tree holds nobody's addresses, machines or secrets, also not within archives."""

import gzip
import io
import re
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.tree import named, tracked

PATTERNS = {
    "a private address": r"\b(10(\.\d{1,3}){3}|192\.168(\.\d{1,3}){2}|172\.(1[6-9]|2\d|3[01])(\.\d{1,3}){2})\b",
    "a path of one machine": r"/(home|Users|work)/[a-z]\w+",
    "somebody's install folder": r"/opt/(?!(hx|hx-gateway)\b)[a-z]\w+",
    "a private key": r"-----BEGIN (RSA |EC |OPENSSH )?PRIVATE KEY-----\n[A-Za-z0-9+/=]{40}",
    "a vendor's credential": r"\b(sk-(proj|ant)-[A-Za-z0-9_-]{30,}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36})\b",
}

# File -> why it must hold such a thing. May only shrink.
ALLOWED: dict[str, str] = {
    "tests/e2e/test_systemd.py": "folders within its container",
    "tests/rules/test_privacy.py": "shows the rule what it must see",
    "tests/unit/cli/test_systemd.py": "a program in somebody's home is refused",
    "tests/unit/store/test_postgres_errors.py": "an address must not get out",
}
NOT_TEXT = {".png", ".ico", ".http", ".lock"}


def findings(text: str) -> list[str]:
    """What a text holds that it must not."""
    return [what for what, pattern in PATTERNS.items() if re.search(pattern, text)]


def texts() -> list[Path]:
    """The files of the tree that are read by people."""
    return [path for path in tracked() if path.suffix not in NOT_TEXT]


def unpacked(data: bytes) -> Iterator[bytes]:
    """What a file holds: itself, or the files within an archive, and within those."""
    inner: list[bytes] = []
    if data[:2] == b"\x1f\x8b":
        inner = [gzip.decompress(data)]
    elif data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            inner = [archive.read(name) for name in archive.namelist()]
    elif data[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            files = (archive.extractfile(each) for each in archive.getmembers())
            inner = [file.read() for file in files if file is not None]
    else:
        yield data
    for each in inner:
        yield from unpacked(each)


def found_in(data: bytes) -> list[str]:
    """What a file, or an archive, holds that it must not."""
    return [what for each in unpacked(data) for what in findings(each.decode(errors="replace"))]


def test_cfg_17_the_tree_is_free_of_private_things() -> None:
    found = {named(path): what for path in texts() if (what := found_in(path.read_bytes()))}
    assert {name: what for name, what in found.items() if name not in ALLOWED} == {}


@pytest.mark.parametrize(
    "text",
    [
        "host: 10.1.2.3",
        "http://172.16.0.7:11434",
        "at /home/alice/gateway",
        "key = AKIAABCDEFGHIJKLMNOP",
        "ExecStart=/opt/acme/run",
    ],
)
def test_the_rule_sees_private_things(text: str) -> None:
    assert len(findings(text)) == 1


@pytest.mark.parametrize("text", ["127.0.0.1", "version 10.1.2", "sk-1234", "192.0.2.1"])
def test_the_rule_leaves_examples_alone(text: str) -> None:
    assert findings(text) == []


def test_cfg_17_archives_are_looked_into() -> None:
    """The predecessor's secrets were in an archive, past every ignore rule."""
    secret, tarred, zipped = b"host: 10.1.2.3", io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=tarred, mode="w") as archive:
        info = tarfile.TarInfo("live.env")
        info.size = len(secret)
        archive.addfile(info, io.BytesIO(secret))
    with zipfile.ZipFile(zipped, "w") as outer:
        outer.writestr("a/backup.tar.gz", gzip.compress(tarred.getvalue()))
    for data in (secret, gzip.compress(secret), tarred.getvalue(), zipped.getvalue()):
        assert found_in(data) == ["a private address"]
    assert found_in(gzip.compress(b"host: 127.0.0.1")) == []
