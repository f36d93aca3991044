"""Whether weights are those that were checked."""

from pathlib import Path

import pytest

from hx_gateway.local.weights import WrongWeights, check_sha256

OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2


def test_the_expected_file_passes(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"abc")
    check_sha256(tmp_path / "weights", OF_ABC)


def test_one_changed_byte_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"abd")
    with pytest.raises(WrongWeights):
        check_sha256(tmp_path / "weights", OF_ABC)
