"""`systemd install` writes units that systemd itself finds correct and well confined."""

import subprocess
from pathlib import Path

import pytest

from hx_gateway.cli.main import main

UNITS = "etc/systemd/system"
MAX_EXPOSURE = 2.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    assert main(["systemd", "install", "--root", str(tmp_path), "--command", "/usr/bin/true"]) == 0
    return tmp_path


def test_systemd_has_nothing_to_say_against_the_units(root: Path) -> None:
    """`systemd-analyze verify` ends with 0 even for unknown keys: any line it writes is a fault."""
    files = [str(root / UNITS / name) for name in ("hx-gateway.service", "hx-gateway.socket")]
    run = subprocess.run(
        ["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout + run.stderr) == (0, "")


def test_the_service_is_well_confined(root: Path) -> None:
    service = str(root / UNITS / "hx-gateway.service")
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", service]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    exposure = float(said.split("Overall exposure level for ")[1].split(":")[1].split()[0])
    assert exposure <= MAX_EXPOSURE


def test_installing_again_keeps_configuration_and_key(root: Path) -> None:
    kept = {name: root / "etc/hx-gateway" / name for name in ("config.yaml", "master.key")}
    kept["config.yaml"].write_text("model_list: [] # mine\n")
    before = {name: path.read_bytes() for name, path in kept.items()}
    assert main(["systemd", "install", "--root", str(root), "--command", "/usr/bin/true"]) == 0
    assert {name: path.read_bytes() for name, path in kept.items()} == before


def test_secrets_are_readable_by_their_owner_only(root: Path) -> None:
    assert (root / "etc/hx-gateway/master.key").stat().st_mode & 0o777 == 0o600
    assert (root / "etc/hx-gateway/hx-gateway.env").stat().st_mode & 0o007 == 0
