from collections.abc import Mapping

import pytest
from tests.support.clock import FakeClock

from hx_gateway.app.notify import Supervisor, supervisor


def made(sent: list[bytes], watchdog_s: float | None = None) -> tuple[Supervisor, FakeClock]:
    clock = FakeClock()
    return Supervisor(sent.append, clock, watchdog_s), clock


def test_ready_comes_with_the_status_in_one_datagram() -> None:
    sent: list[bytes] = []
    made(sent)[0].ready("serving")
    assert sent == [b"READY=1\nSTATUS=serving"]


def test_a_reload_carries_the_time_it_began() -> None:
    """systemd ignores RELOADING=1 without MONOTONIC_USEC, and the reload times out."""
    sent: list[bytes] = []
    notify, clock = made(sent)
    clock.advance(2.5)
    notify.reloading()
    assert sent == [b"RELOADING=1\nMONOTONIC_USEC=%d" % int(clock.monotonic() * 1_000_000)]


def test_stopping_says_why() -> None:
    sent: list[bytes] = []
    made(sent)[0].stopping("draining 3 streams")
    assert sent == [b"STOPPING=1\nSTATUS=draining 3 streams"]


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "10000000"}, 10.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "7"}, 10.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
    ],
)
def test_the_watchdog_is_for_the_process_that_is_named(
    environment: Mapping[str, str], watchdog_s: float | None
) -> None:
    assert supervisor(environment, 7, FakeClock()).watchdog_s == watchdog_s


def test_without_a_service_manager_nothing_happens() -> None:
    supervisor({}, 7, FakeClock()).ready("serving")


async def test_without_a_watchdog_nobody_is_fed() -> None:
    sent: list[bytes] = []
    await made(sent)[0].keep_alive()
    assert sent == []


class PatientClock(FakeClock):
    """Time that ends after ten seconds."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        if sum(self.slept) >= 10:
            raise TimeoutError


async def test_the_watchdog_is_fed_three_times_in_its_period() -> None:
    sent: list[bytes] = []
    notify = Supervisor(sent.append, PatientClock(), 10.0)
    with pytest.raises(TimeoutError):
        await notify.keep_alive()
    assert sent == [b"WATCHDOG=1"] * 3
