import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hx_gateway.config.masterkey import MIN_LENGTH, keep_new_key, read_kept_key, weakness


@pytest.mark.parametrize(
    "key", ["sk-1234", "SK-1234", "changeme", "x" * 31, "sk-" + "a" * 40, "sk-" + "12" * 20, ""]
)
def test_weak_keys_are_called_weak(key: str) -> None:
    assert weakness(key) is not None


def test_a_long_key_of_many_characters_is_strong() -> None:
    assert weakness("sk-0123456789abcdefghijklmnopqrstuv") is None
    assert weakness("0123456789abcdef0123456789abcde!") is None


def test_a_generated_key_is_strong_private_and_reused(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "state"
    key = keep_new_key(folder)
    path = folder / "master_key"
    assert weakness(key.reveal()) is None
    assert len(key.reveal()) >= MIN_LENGTH
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keep_new_key(folder) == key == read_kept_key(folder)
    assert [entry.name for entry in folder.iterdir()] == ["master_key"]


def test_two_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: keep_new_key(tmp_path), range(32)))
    assert len(set(keys)) == 1


def test_there_is_no_key_before_one_was_made(tmp_path: Path) -> None:
    assert read_kept_key(tmp_path) is None
