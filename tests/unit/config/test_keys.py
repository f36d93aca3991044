from pathlib import Path

import pytest
from tests.support.configs import MASTER_KEY, node, variables

from hx_gateway.config.keys import KeyPolicy, is_loopback, judge_keys
from hx_gateway.config.report import Report
from hx_gateway.config.settings import Choices, choose
from hx_gateway.core.secret import Secret

DEV = KeyPolicy(dev=True)
SERVE = KeyPolicy()


def judged(
    folder: Path, env: dict[str, str], policy: KeyPolicy = SERVE
) -> tuple[bool, Choices, Report]:
    report = Report()
    choices = choose(node("{}"), variables(**env), report)
    return judge_keys(choices, folder, policy, report), choices, report


@pytest.mark.parametrize(
    "name", ["LITELLM_MASTER_KEY", "HX_MASTER_KEY", "MASTER_KEY", "ADMIN_KEYS"]
)
@pytest.mark.parametrize("key", ["sk-1234", "canary-short", "sk-" + "a" * 40])
def test_a_weak_key_is_refused_outside_dev(tmp_path: Path, name: str, key: str) -> None:
    env = {"LITELLM_MASTER_KEY": MASTER_KEY, name: key} if name == "ADMIN_KEYS" else {name: key}
    assert name in judged(tmp_path, env)[2].problems[0]
    _, _, report = judged(tmp_path, env, DEV)
    assert report.problems == []
    assert "--dev" in report.warnings[0]
    assert key not in report.warnings[0]


def test_a_strong_key_is_taken_and_nothing_is_written(tmp_path: Path) -> None:
    generated, choices, report = judged(tmp_path, {"LITELLM_MASTER_KEY": MASTER_KEY})
    assert not generated
    assert choices["auth.master_key"].value == Secret(MASTER_KEY)
    assert report.problems == report.warnings == []
    assert list(tmp_path.iterdir()) == []


def test_without_a_key_one_is_generated_and_kept(tmp_path: Path) -> None:
    generated, choices, _ = judged(tmp_path, {})
    assert generated
    assert choices["auth.master_key"].value == Secret((tmp_path / "master_key").read_text().strip())
    assert choices["auth.master_key"].value == judged(tmp_path, {})[1]["auth.master_key"].value


def test_a_check_generates_nothing(tmp_path: Path) -> None:
    generated, choices, _ = judged(tmp_path, {}, KeyPolicy(keep=False))
    assert generated
    assert choices["auth.master_key"].value is None
    assert list(tmp_path.iterdir()) == []


def test_a_public_address_without_a_key_is_refused_also_in_dev(tmp_path: Path) -> None:
    for dev in (False, True):
        _, _, report = judged(tmp_path, {"HOST": "0.0.0.0"}, KeyPolicy(dev=dev))
        assert report.problems[0].startswith("environment HOST: no master key")
    assert judged(tmp_path, {"HOST": "0.0.0.0", "MASTER_KEY": MASTER_KEY})[2].problems == []


@pytest.mark.parametrize("damage", ["", "short", "sk-" + "a" * 40])
def test_a_damaged_key_file_is_a_problem_and_never_a_weak_key(tmp_path: Path, damage: str) -> None:
    (tmp_path / "master_key").write_text(damage)
    _, choices, report = judged(tmp_path, {})
    assert "damaged" in report.problems[0]
    assert choices["auth.master_key"].value is None


def test_a_state_directory_that_cannot_be_written_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    _, _, report = judged(tmp_path / "file" / "state", {})
    assert "set HX_STATE_DIR" in report.problems[0]


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("gateway.test", False),
        ("", False),
    ],
)
def test_only_loopback_counts_as_private(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
