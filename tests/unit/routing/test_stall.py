"""What is a hang and what is a long answer: silence against what is usual."""

import pytest
from tests.support.deployments import deployment, route
from tests.support.fleets import placed

from hx_gateway.routing.health import Health
from hx_gateway.routing.stall import Stalls, Waiting

A, B = deployment("a"), deployment("b")
BOTH = route("m", A, B)
NOW = 1000.0


def waiting(stalls: Stalls, began: float = NOW, *, stream: bool = False) -> Waiting:
    made = Waiting(A, BOTH, began, stream=stream, may_move=lambda _: True, move=lambda: None)
    stalls.begin(made)
    return made


def health(*answers_s: float, stream: bool = False) -> Health:
    """A route whose other deployment answered in these times."""
    made = Health()
    for seconds in answers_s:
        made.of(B).succeeded(NOW - 50, seconds, stream=stream)
    return made


def is_stalled(stalls: Stalls, after_s: float) -> bool:
    return bool(list(stalls.find(NOW + after_s)))


@pytest.mark.parametrize(
    ("answers_s", "calls", "not_yet_s", "stalled_s"),
    [
        ([0.02], 3, 0.9, 1.0),  # never sooner than the patience
        ([0.02], 1, 1.9, 2.0),  # a lone call gets twice that
        ([1.0, 2.0], 3, 5.9, 6.0),  # three times the longest of what is usual
        ([1.0, 2.0], 2, 9.9, 10.0),
        ([1.0, 2.0], 1, 19.9, 20.0),
        ([60.0], 3, 179.0, 180.0),
    ],
)
def test_the_more_wait_the_sooner_silence_counts(
    answers_s: list[float], calls: int, not_yet_s: float, stalled_s: float
) -> None:
    stalls = Stalls(health(*answers_s))
    for _ in range(calls):
        waiting(stalls)
    assert not is_stalled(stalls, not_yet_s)
    assert is_stalled(stalls, stalled_s)


def test_nobody_is_under_suspicion_while_nothing_was_ever_measured() -> None:
    stalls = Stalls(Health())
    for _ in range(5):
        waiting(stalls)
    assert not is_stalled(stalls, 3600.0)


def test_an_answer_to_anybody_ends_the_silence() -> None:
    """One long answer among short ones is no hang."""
    book = health(0.02)
    stalls = Stalls(book)
    waiting(stalls)
    for second in range(1, 60):
        book.of(A).succeeded(NOW + second, 0.02)
        assert not is_stalled(stalls, second + 0.9)
    assert is_stalled(stalls, 61.1)


def test_streams_are_measured_against_streams() -> None:
    book = health(30.0)
    stalls = Stalls(book)
    for _ in range(3):
        waiting(stalls, stream=True)
    assert not is_stalled(stalls, 20.0)  # no stream was ever measured
    book.of(B).succeeded(NOW, 0.1, stream=True)
    assert is_stalled(stalls, 20.0)


def test_what_has_ended_does_not_wait() -> None:
    stalls = Stalls(health(0.02))
    for each in [waiting(stalls) for _ in range(3)]:
        each.end()
        each.end()
    assert not is_stalled(stalls, 10.0)


def test_what_waited_before_does_not_decide_the_trial() -> None:
    """It would keep a deployment out for ever that has lost a call and works again."""
    book = health(0.02)
    stalls = Stalls(book)
    waiting(stalls)
    book.stalled(A, NOW + 2.0)
    assert is_stalled(stalls, 3.0)  # known to be out
    assert not is_stalled(stalls, 7.5)  # may be tried now
    book.of(A).begin(NOW + 8.0)
    waiting(stalls, NOW + 8.0)
    assert not is_stalled(stalls, 8.9)
    assert is_stalled(stalls, 9.1)  # one silent call is enough while it is on trial


def test_it_can_be_switched_off() -> None:
    stalls = Stalls(health(0.02), patience_s=0.0)
    for _ in range(5):
        waiting(stalls)
    assert not is_stalled(stalls, 3600.0)


def test_a_node_hangs_when_those_who_look_at_it_say_so_however_long_it_loads() -> None:
    one = placed("gpu1")
    stalls = Stalls(health(0.02))
    stalls.begin(
        Waiting(one, route("m", one, B), NOW, stream=False, may_move=bool, move=lambda: None)
    )
    assert not is_stalled(stalls, 300.0)
    stalls.is_away = lambda deployment: deployment.node == "gpu1"
    assert is_stalled(stalls, 0.1)


def test_a_large_upload_may_take_as_long_as_its_size_lets_expect() -> None:
    """One long recording among short ones is no hang."""
    book = Health()
    for pace in (0.4, 0.5):  # seconds for each MiB
        book.of(B).per_mib.add(NOW, pace)
    stalls = Stalls(book)
    for mib in (1.0, 8.0, 2.0):
        stalls.begin(
            Waiting(A, BOTH, NOW, stream=False, may_move=lambda _: True, move=lambda: None, mib=mib)
        )
    assert not is_stalled(stalls, 11.9)
    assert is_stalled(stalls, 12.0)
