"""What the edge refuses is counted always and logged within bounds, without a client's text."""

import msgspec
import pytest
from tests.support.clock import FakeClock

from hx_gateway.app.observer import EDGE, LINES_A_SECOND, Observer
from hx_gateway.usage.log import AccessLog
from hx_gateway.usage.metrics import Metrics


class Lines:
    """A writer that keeps what it gets."""

    def __init__(self) -> None:
        self.lines: list[dict[str, object]] = []

    def put(self, line: bytes) -> None:
        self.lines.append(msgspec.json.decode(line))


class Watched:
    """An observer with its metrics and its log at hand."""

    def __init__(self, *, log: bool = True) -> None:
        self.written = Lines()
        self.clock = FakeClock()
        self.metrics = Metrics("1")
        access = AccessLog(self.written) if log else None  # type: ignore[arg-type]
        self.observer = Observer(self.metrics, access, self.clock)

    async def counted(self, status: int) -> float:
        lines = (await self.metrics.render()).decode().splitlines()
        wanted = [line for line in lines if f'endpoint="{EDGE}"' in line and f'"{status}"' in line]
        return sum(float(line.rpartition(" ")[2]) for line in wanted)


async def test_a_refusal_is_counted_and_has_a_line() -> None:
    it = Watched()
    it.observer.refused(431, "head_too_large", b"abc")
    assert await it.counted(431) == 1
    (line,) = it.written.lines
    assert {name: line[name] for name in ("event", "request_id", "endpoint", "status", "code")} == {
        "event": "request",
        "request_id": "abc",
        "endpoint": "edge",
        "status": 431,
        "code": "head_too_large",
    }


async def test_a_flood_is_counted_in_full_and_logged_in_part() -> None:
    it = Watched()
    for _ in range(1000):
        it.observer.refused(400, "malformed_request", b"x")
    assert await it.counted(400) == 1000
    assert len(it.written.lines) == LINES_A_SECOND
    it.clock.advance(1.0)
    it.observer.refused(400, "malformed_request", b"y")
    assert it.written.lines[-1]["left_out"] == 1000 - LINES_A_SECOND
    it.observer.refused(400, "malformed_request", b"z")
    assert "left_out" not in it.written.lines[-1]


@pytest.mark.parametrize("log", [True, False])
async def test_the_log_may_be_switched_off(log: bool) -> None:
    it = Watched(log=log)
    it.observer.refused(408, "request_timeout", b"x")
    assert len(it.written.lines) == log
    assert await it.counted(408) == 1
