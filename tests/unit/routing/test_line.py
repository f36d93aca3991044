"""Who waits, and whose turn it is."""

from hx_gateway.routing.line import Line


def nobody(_place: str, _now: float) -> None:
    pass


def none_running(_key: str) -> int:
    return 0


def test_calls_of_one_key_are_served_in_order() -> None:
    line: Line[str] = Line()
    first, second = (line.join(("gpu1",), "a", nobody) for _ in range(2))
    assert (line.ahead(first), line.ahead(second)) == (0, 1)
    assert line.next("gpu1", none_running) is first
    assert line.next("gpu1", none_running) is second
    assert line.next("gpu1", none_running) is None


def test_a_key_with_many_calls_does_not_keep_another_waiting() -> None:
    line: Line[str] = Line()
    for _ in range(10):
        line.join(("gpu1",), "greedy", nobody)
    line.join(("gpu1",), "modest", nobody)
    line.join(("gpu1",), "modest", nobody)
    served = [waiting.key for _ in range(6) if (waiting := line.next("gpu1", none_running))]
    assert served == ["greedy", "modest", "greedy", "modest", "greedy", "greedy"]


def test_a_key_that_has_places_already_comes_later() -> None:
    line: Line[str] = Line()
    line.join(("gpu1",), "busy", nobody)
    idle = line.join(("gpu1",), "idle", nobody)
    assert line.next("gpu1", lambda key: 3 if key == "busy" else 0) is idle


def test_the_lowest_priority_comes_first_whoever_asks() -> None:
    line: Line[str] = Line()
    later = line.join(("gpu1",), "idle", nobody, 5)
    first = line.join(("gpu1",), "busy", nobody)
    assert (line.ahead(later), line.ahead(first)) == (1, 0)
    assert line.next("gpu1", lambda key: 3 if key == "busy" else 0) is first
    assert line.next("gpu1", none_running) is later


def test_only_those_who_want_the_place_are_asked() -> None:
    line: Line[str] = Line()
    line.join(("gpu1",), "a", nobody)
    either = line.join(("gpu1", "gpu2"), "b", nobody)
    assert line.places() == {"gpu1", "gpu2"}
    assert (line.count("gpu1"), line.count("gpu2"), line.ahead(either)) == (2, 1, 1)
    assert line.next("gpu2", none_running) is either
    assert line.next("gpu2", none_running) is None


def test_who_leaves_is_not_called_and_nothing_is_remembered_of_it() -> None:
    line: Line[str] = Line()
    gone = line.join(("gpu1",), "a", nobody)
    line.leave(gone)
    line.leave(gone)
    assert (len(line), line.next("gpu1", none_running)) == (0, None)
    line.join(("gpu1",), "a", nobody)
    assert line.next("gpu1", none_running) is not None
    assert not vars(line)["_served"]
