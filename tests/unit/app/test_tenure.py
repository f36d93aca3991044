"""Who may use a state directory. The lock itself is the system's, so these are real files."""

from pathlib import Path

import pytest
from tests.support.clock import FakeClock

from hx_gateway.app.tenure import LOCK, Tenure
from hx_gateway.core.errors import ConfigError


def tenure(folder: Path, clock: FakeClock | None = None, *, is_worker: bool = False) -> Tenure:
    return Tenure(folder, clock or FakeClock(), is_worker=is_worker)


async def test_a_second_gateway_is_refused_by_name_and_at_once(tmp_path: Path) -> None:
    first, clock = tenure(tmp_path), FakeClock()
    await first.begin(60.0)
    with pytest.raises(ConfigError) as caught:
        await tenure(tmp_path, clock).begin(60.0)
    said = str(caught.value)
    assert str(tmp_path) in said
    assert f"process {(tmp_path / LOCK).read_text().split()[0]}" in said
    assert clock.slept == []
    first.end()
    await free(tmp_path)


async def test_one_that_is_stopping_is_waited_for(tmp_path: Path) -> None:
    first = tenure(tmp_path)
    await first.begin(60.0)
    first.ending()

    class Ending(FakeClock):
        async def sleep(self, seconds: float) -> None:
            first.end()

    second = tenure(tmp_path, Ending())
    await second.begin(60.0)
    assert "ending" not in (tmp_path / LOCK).read_text()
    second.end()


async def test_one_that_never_ends_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    first, clock = tenure(tmp_path), FakeClock()
    await first.begin(60.0)
    first.ending()
    with pytest.raises(ConfigError):
        await tenure(tmp_path, clock).begin(30.0)
    assert 30.0 <= sum(clock.slept) < 31.0
    first.end()


async def test_workers_share_it_and_keep_others_out(tmp_path: Path) -> None:
    one, two = tenure(tmp_path, is_worker=True), tenure(tmp_path, is_worker=True)
    await one.begin(0.0)
    await two.begin(0.0)
    one.end()
    with pytest.raises(ConfigError):
        await tenure(tmp_path).begin(0.0)
    two.end()
    await free(tmp_path)


async def free(folder: Path) -> None:
    """It can be taken up."""
    last = tenure(folder)
    await last.begin(0.0)
    last.end()
