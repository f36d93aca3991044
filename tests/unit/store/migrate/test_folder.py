"""The migrations of this program are well-formed, and the same on both engines."""

from hashlib import sha256
from pathlib import Path

import pytest

from hx_gateway.store.migrate.folder import load_migrations, read_folder
from hx_gateway.store.queries import Engine


def test_both_engines_have_the_same_steps() -> None:
    names = [[step.name for step in load_migrations(engine)] for engine in Engine]
    assert names[0] == names[1] != []


def test_the_checksum_is_that_of_the_bytes(tmp_path: Path) -> None:
    for name in ("0002_post_b", "0001_pre_a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "migration.sql").write_bytes(b"SELECT '\xc3\xbc';\r\n")
    steps = read_folder(tmp_path)
    assert [step.name for step in steps] == ["0001_pre_a", "0002_post_b"]
    assert {step.checksum for step in steps} == {sha256(b"SELECT '\xc3\xbc';\r\n").hexdigest()}


def test_a_name_without_a_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0001_keys").mkdir()
    with pytest.raises(ValueError, match="0001_keys"):
        read_folder(tmp_path)
