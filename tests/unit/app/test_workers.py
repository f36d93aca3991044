"""How long to wait for the next worker, and how several are told of in one line."""

import pytest

from hx_gateway.app.workers import LONGEST_WAIT_S, ending, line_of, pause_s


def test_who_ran_for_long_is_replaced_at_once_and_who_keeps_dying_is_waited_for() -> None:
    assert pause_s(3600.0, 30.0) == 0.0
    waits = [0.0]
    for _ in range(9):
        waits.append(pause_s(0.1, waits[-1]))
    assert waits[1:4] == [0.5, 1.0, 2.0]
    assert waits[-1] == LONGEST_WAIT_S


@pytest.mark.parametrize(
    ("statuses", "line"),
    [
        ({1: "serving", 2: "serving"}, "serving (2 workers)"),
        ({1: "serving", 2: "starting"}, "worker 1 serving; worker 2 starting"),
        ({1: "degraded: Redis", 2: "degraded: Redis"}, "degraded: Redis (2 workers)"),
    ],
)
def test_a_line_tells_those_apart_that_differ(statuses: dict[int, str], line: str) -> None:
    assert line_of(statuses) == line


@pytest.mark.parametrize(
    ("code", "told"), [(2, "exit code 2"), (-9, "SIGKILL"), (-200, "signal 200")]
)
def test_an_ending_is_told_by_the_name_of_its_signal(code: int, told: str) -> None:
    assert ending(code) == told
