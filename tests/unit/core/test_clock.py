from hx_gateway.core.clock import SystemClock, system_random


async def test_the_system_clock_never_goes_back() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0)
    assert clock.monotonic() >= before


def test_wall_time_is_seconds_since_1970() -> None:
    assert SystemClock().now() > 1_700_000_000


def test_chance_is_drawn_from_zero_to_one() -> None:
    assert all(0 <= system_random().random() < 1 for _ in range(100))
