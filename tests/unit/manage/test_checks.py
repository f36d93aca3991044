"""A checkup: all checks side by side, none of them for long, the cause first."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.support.clock import FakeClock

from hx_gateway.core.check import Check, Finding, Verdict
from hx_gateway.core.errors import DependencyError
from hx_gateway.manage.checks import Checkup


def check(name: str, run: Callable[[], Awaitable[Finding]], rank: int = 0, **more: object) -> Check:
    return Check(name=name, rank=rank, run=run, **more)  # type: ignore[arg-type]


def finds(verdict: Verdict, name: str = "x") -> Callable[[], Awaitable[Finding]]:
    async def run() -> Finding:
        return Finding(name=name, verdict=verdict)

    return run


async def hang() -> Finding:
    await asyncio.Event().wait()
    raise AssertionError


async def hang_whatever_happens() -> Finding:
    for _ in range(50):
        try:
            await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            continue
    return Finding(name="x", verdict=Verdict.OK)


async def away() -> Finding:
    raise DependencyError("Redis")


async def crash() -> Finding:
    raise RuntimeError("connect to 192.0.2.7 failed")


@pytest.mark.parametrize(
    ("run", "detail"),
    [
        (hang, "did not answer in time"),
        (hang_whatever_happens, "did not answer in time"),
        (away, "Redis is not available"),
        (crash, "the log says how"),
    ],
)
async def test_a_check_that_does_not_end_well_is_a_failure_without_details(
    run: Callable[[], Awaitable[Finding]], detail: str
) -> None:
    checkup = Checkup([check("redis", run, deadline_s=0.02)], FakeClock(), limit_s=0.05)
    (found,) = await checkup.findings()
    assert (found.name, found.verdict, found.blocks) == ("redis", Verdict.FAIL, True)
    assert detail in found.detail
    assert "192.0.2.7" not in found.detail + found.remedy
    assert checkup.missing() == ["redis"]


async def test_one_that_hangs_does_not_hold_up_the_others() -> None:
    checks = [check("a", hang), check("b", finds(Verdict.OK, "b"))]
    found = await Checkup(checks, FakeClock(), limit_s=0.03).findings()
    assert [(one.name, one.verdict) for one in found] == [
        ("a", Verdict.FAIL),
        ("b", Verdict.OK),
    ]


async def test_failures_come_first_and_causes_before_what_follows_of_them() -> None:
    checks = [
        check("ok", finds(Verdict.OK, "ok"), 1),
        check("search", finds(Verdict.FAIL, "search"), 2, needs=("qdrant",)),
        check("late", finds(Verdict.FAIL, "late"), 9),
        check("qdrant", finds(Verdict.FAIL, "qdrant"), 5),
        check("warn", finds(Verdict.WARN, "warn"), 0),
        check("skip", finds(Verdict.SKIP, "skip"), 0),
    ]
    found = await Checkup(checks, FakeClock()).findings()
    assert [one.name for one in found] == ["qdrant", "late", "search", "warn", "ok", "skip"]
    assert "qdrant" in found[2].remedy


async def test_findings_are_shared_and_kept_for_a_second() -> None:
    runs = 0

    async def count() -> Finding:
        nonlocal runs
        runs += 1
        await asyncio.sleep(0)
        return Finding(name="x", verdict=Verdict.OK)

    clock = FakeClock()
    checkup = Checkup([check("x", count)], clock)
    await asyncio.gather(*[checkup.findings() for _ in range(20)])
    await checkup.findings()
    assert runs == 1
    clock.advance(1.0)
    await checkup.findings()
    assert runs == 2


async def test_it_heals_by_itself() -> None:
    verdicts = [Verdict.FAIL, Verdict.OK]
    clock = FakeClock()

    async def run() -> Finding:
        return Finding(name="redis", verdict=verdicts.pop(0))

    checkup = Checkup([check("redis", run)], clock)
    await checkup.findings()
    assert checkup.missing() == ["redis"]
    clock.advance(1.0)
    await checkup.findings()
    assert checkup.missing() == []


async def test_without_checks_nothing_is_missing() -> None:
    checkup = Checkup([], FakeClock())
    assert await checkup.findings() == ()
    assert checkup.missing() == []
