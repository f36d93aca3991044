"""Under a real systemd: started by the socket, ready by notify, reloaded, drained, watched."""

import json
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.machine import can_boot, machine
from tests.support.tree import ROOT

from hx_gateway.cli.main import main

pytestmark = pytest.mark.slow

OVERRIDE = """\
[Service]
Environment=PYTHONDONTWRITEBYTECODE=1
WatchdogSec=6s
ProtectHome=no
"""
LIMIT_S = 240
PYTHON, CHECKOUT, PACKAGES = "/opt/python", "/opt/checkout", "/opt/packages"


@pytest.fixture(scope="module")
def story() -> Iterator[dict[str, Any]]:
    """What was seen in the machine, by chapter (see systemd_story.py)."""
    assert can_boot(), "needs root and systemd-container (apt-get install systemd-container)"
    with machine() as box:
        # By paths of the machine's own: the checkout may lie where a service cannot look.
        command = f"{PYTHON}/bin/python3 -m hx_gateway"
        install = ["systemd", "install", "--root", str(box.root), "--command", command]
        assert main(install) == 0
        prefix = Path(sys.base_prefix).resolve()
        box.bind(prefix, PYTHON)
        box.bind(ROOT, CHECKOUT)
        box.bind(Path(sysconfig.get_path("purelib")), PACKAGES)
        path = f"PYTHONPATH={CHECKOUT}/src:{CHECKOUT}:{PACKAGES}"
        override = f"{OVERRIDE}Environment={path}\n"
        box.write("/etc/systemd/system/hx-gateway.service.d/test.conf", override)
        box.open_way(prefix / "bin")  # where it looks for its own libraries
        said = box.run(
            f"/usr/bin/env {path} {PYTHON}/bin/python3 {CHECKOUT}/tests/e2e/systemd_story.py",
            LIMIT_S,
        )
        result = box.root / "story.json"
        assert result.exists(), said
        yield json.loads(result.read_text())


def test_a_connection_to_the_socket_starts_the_service(story: dict[str, Any]) -> None:
    seen = story["socket"]
    assert (seen["before"], seen["status"], seen["after"]) == ("inactive", 200, "active")


def test_systemd_waits_until_the_gateway_is_ready(story: dict[str, Any]) -> None:
    seen = story["ready"]
    assert seen["readyz"] == 200
    assert seen["status_text"] == "serving"


def test_the_service_runs_as_nobody_in_particular(story: dict[str, Any]) -> None:
    seen = story["confined"]
    assert seen["uid"] != 0
    assert seen["no_new_privileges"] == "1"
    assert seen["capabilities"] == 0
    assert seen["can_write"] == []


def test_the_master_key_is_in_no_environment_and_no_command_line(story: dict[str, Any]) -> None:
    assert story["secret"] == {"accepted": 200, "in_environment": False, "in_command_line": False}


def test_a_reload_takes_the_new_configuration_up_in_the_same_process(story: dict[str, Any]) -> None:
    seen = story["reload"]
    assert seen["exit_code"] == 0
    assert seen["same_pid"] is True
    assert "added" not in seen["before"]
    assert "added" in seen["after"]


def test_a_broken_configuration_does_not_replace_the_running_one(story: dict[str, Any]) -> None:
    seen = story["broken_reload"]
    assert seen["same_pid"] is True
    assert "added" in seen["models"]


def test_a_loop_that_hangs_is_restarted_by_the_watchdog(story: dict[str, Any]) -> None:
    seen = story["watchdog"]
    assert seen["new_pid"] is True
    assert seen["restarts"] == 1
    assert seen["seconds"] <= 40
    assert seen["answers"] == 200


def test_life_07_a_process_that_is_killed_is_ready_again_within_30_s(
    story: dict[str, Any],
) -> None:
    seen = story["killed"]
    assert (seen["restarts"], seen["answers"]) == (1, 200)
    assert seen["seconds"] <= 30


def test_a_stream_under_way_survives_a_restart(story: dict[str, Any]) -> None:
    seen = story["drain"]
    assert seen["new_pid"] is True
    assert seen["complete"] is True


def test_no_connection_is_lost_over_ten_restarts_under_load(story: dict[str, Any]) -> None:
    seen = story["restarts"]
    assert seen["restarts"] == 10
    assert seen["requests"] > 20
    assert seen["failures"] == []


def test_smoke_passes_inside_the_sandbox(story: dict[str, Any]) -> None:
    assert story["smoke"]["exit_code"] == 0, story["smoke"]["output"]


def test_workers_come_and_go_under_one_unit_that_stays(story: dict[str, Any]) -> None:
    assert story["workers"] == {"exit_code": 0, "stayed": True, "new_pid": True, "complete": True}
