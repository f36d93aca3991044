"""Which node is preferred, which has a place, who waits, what a model takes in."""

import pytest
from tests.support.deployments import deployment
from tests.support.fleets import awake, fleet_of, has, node, placed

from hx_gateway.core.errors import ModelMissing, NodeBusy, Unreachable, UpstreamError
from hx_gateway.core.node import Shown
from hx_gateway.core.route import Deployment
from hx_gateway.core.snapshot import FleetSettings
from hx_gateway.core.wire import raw
from hx_gateway.routing.fleet import Fleet, Turn, Window
from hx_gateway.routing.parallel import MOST

GPU1, GPU2 = placed("gpu1"), placed("gpu2")
BOTH = (GPU1, GPU2)


def two(**settings: int) -> Fleet:
    return fleet_of(node("gpu1", parallel=1), node("gpu2", parallel=1), **settings)


def preferred(fleet: Fleet) -> list[str]:
    return [each.node or "" for each in fleet.prefer(BOTH, 0.0)]


def test_the_node_that_holds_the_model_is_preferred_then_one_that_is_awake() -> None:
    fleet = two()
    assert preferred(fleet) == ["gpu1", "gpu2"]
    awake(fleet, "gpu2")
    assert preferred(fleet) == ["gpu2"]
    awake(fleet, "gpu1", "m")
    assert preferred(fleet) == ["gpu1"]
    fleet.missed("gpu1", refused=True)
    assert preferred(fleet) == ["gpu2"]
    has(fleet, "gpu2", "other")
    assert preferred(fleet) == ["gpu1"]


def test_of_equals_the_least_loaded_is_preferred_and_the_reason_says_so() -> None:
    fleet = fleet_of(node("gpu1", parallel=4), node("gpu2", parallel=4))
    awake(fleet, "gpu1", "m")
    awake(fleet, "gpu2", "m")
    turn = fleet.take(GPU1, BOTH, "key", 0.0)
    assert turn.reason == "resident"
    assert preferred(fleet) == ["gpu2"]
    assert fleet.take(GPU2, BOTH, "key", 0.0).reason == "resident, least loaded"
    other = fleet.take(placed("gpu2", "another"), (), "key", 0.0)
    assert preferred(fleet) == ["gpu1"]
    other.release(1.0)
    turn.release(1.0)
    turn.release(1.0)
    assert (fleet.in_flight("gpu1"), fleet.in_flight("gpu2")) == (0, 1)


def test_a_model_that_is_being_loaded_counts_as_held() -> None:
    fleet = fleet_of(node("gpu1", parallel=2), node("gpu2", parallel=2))
    awake(fleet, "gpu1")
    awake(fleet, "gpu2")
    fleet.take(GPU1, BOTH, "key", 0.0)
    assert preferred(fleet) == ["gpu1"]


def test_a_full_node_is_an_obstacle_and_so_is_one_that_sleeps_or_lacks_the_model() -> None:
    fleet = two()
    awake(fleet, "gpu1")
    awake(fleet, "gpu2")
    assert fleet.obstacle(GPU1, BOTH, 0.0) is None
    turn = fleet.take(GPU1, BOTH, "key", 0.0)
    assert isinstance(fleet.obstacle(GPU1, BOTH, 0.0), NodeBusy)
    turn.release(1.0)
    assert fleet.obstacle(GPU1, BOTH, 1.0) is None
    fleet.missed("gpu1", refused=True)
    assert isinstance(fleet.obstacle(GPU1, BOTH, 1.0), Unreachable)
    assert fleet.sleeping(BOTH) == [GPU1]
    assert fleet.obstacle(GPU1, (GPU1,), 1.0) is None  # nobody else: it may wake when asked
    has(fleet, "gpu2", "other")
    assert fleet.obstacle(GPU2, BOTH, 1.0) is None
    awake(fleet, "gpu1")
    assert isinstance(fleet.obstacle(GPU2, BOTH, 1.0), ModelMissing)


def test_what_is_on_no_node_is_none_of_its_business() -> None:
    fleet = two()
    rented = deployment("rented")
    assert fleet.obstacle(rented, (rented, GPU1), 0.0) is None
    assert fleet.window(rented, {}) is None
    fleet.missed("gpu1", refused=True)
    assert isinstance(fleet.obstacle(GPU1, (rented, GPU1), 0.0), Unreachable)
    assert fleet.prefer((rented, GPU1), 0.0) == [rented]


class Come(list[Turn]):
    """Where a call gets its turn; it may have left already."""

    has_left = False
    fault: UpstreamError | None = None

    def done(self) -> bool:
        return self.has_left or bool(self)

    def set_result(self, result: Turn, /) -> None:
        self.append(result)

    def set_exception(self, exception: UpstreamError, /) -> None:
        self.fault = exception


def waiting(fleet: Fleet, key: str, *wanted: Deployment) -> Come:
    turns = Come()
    fleet.line_up(wanted, key, turns, 0.0)
    return turns


def test_who_has_left_is_passed_over() -> None:
    fleet = two()
    awake(fleet, "gpu1")
    running = fleet.take(GPU1, BOTH, "key", 0.0)
    gone, next_ = waiting(fleet, "key", GPU1), waiting(fleet, "key", GPU1)
    gone.has_left = True
    running.release(1.0)
    assert (len(gone), len(next_)) == (0, 1)


def test_a_place_that_becomes_free_goes_to_whose_turn_it_is() -> None:
    fleet = two()
    awake(fleet, "gpu1")
    running = fleet.take(GPU1, BOTH, "greedy", 0.0)
    first, second = waiting(fleet, "greedy", GPU1), waiting(fleet, "modest", GPU1)
    assert (first, second) == ([], [])
    running.release(1.0)
    assert [turn.key for turn in (*first, *second)] == ["greedy"]
    first[0].release(2.0)
    assert [turn.place for turn in second] == [("gpu1", "m:latest")]
    assert isinstance(fleet.obstacle(GPU1, BOTH, 2.0), NodeBusy)


def test_a_node_that_wakes_takes_those_who_wait() -> None:
    fleet = two()
    awake(fleet, "gpu1")
    fleet.missed("gpu2", refused=True)
    fleet.take(GPU1, BOTH, "key", 0.0)
    turns = waiting(fleet, "key", *BOTH)
    assert turns == []
    awake(fleet, "gpu2")
    assert [turn.deployment for turn in turns] == [GPU2]


def test_who_waits_for_nodes_that_all_fell_asleep_is_sent_away() -> None:
    fleet = two()
    awake(fleet, "gpu1")
    awake(fleet, "gpu2")
    fleet.take(GPU1, BOTH, "key", 0.0)
    fleet.take(GPU2, BOTH, "key", 0.0)
    only, either = waiting(fleet, "key", GPU1), waiting(fleet, "key", *BOTH)
    fleet.missed("gpu1", refused=True)
    assert isinstance(only.fault, Unreachable)
    assert (either.fault, len(fleet.line)) == (None, 1)
    fleet.suspect("gpu2")
    assert isinstance(either.fault, Unreachable)
    assert (len(fleet.line), vars(fleet)["_comes"]) == (0, {})


def test_a_line_that_is_full_or_too_slow_says_when_to_come_again() -> None:
    fleet = two(queue=1)
    running = fleet.take(GPU1, BOTH, "key", 0.0)
    waiting(fleet, "key", GPU1)
    with pytest.raises(NodeBusy) as full:
        waiting(fleet, "key", GPU1)
    assert (full.value.http_status, full.value.retry_after_s) == (503, 1.0)
    fleet.settings = FleetSettings(queue_timeout=10.0)
    has(fleet, "gpu1", "m")
    running.answered(1.0, stream=False)
    running.release(30.0)
    with pytest.raises(NodeBusy) as slow:
        waiting(fleet, "key", GPU1)
    assert slow.value.retry_after_s == 30.0


def test_a_node_whose_number_is_not_stated_is_given_more_as_it_proves_more() -> None:
    fleet = fleet_of(node("gpu1"))
    first, second = (fleet.take(GPU1, (), "key", 0.0) for _ in range(2))
    assert isinstance(fleet.obstacle(GPU1, (), 0.0), NodeBusy)
    third = waiting(fleet, "key", GPU1)
    first.answered(0.1, stream=True)
    assert third == []
    second.answered(0.2, stream=True)
    assert len(third) == 1


def test_names_of_models_that_callers_made_up_are_not_kept() -> None:
    fleet = fleet_of(node("gpu1", parallel=1))
    has(fleet, "gpu1", "m")
    for model in ("m", *(f"made-up-{n}" for n in range(MOST))):
        turn = fleet.take(placed("gpu1", model), (), "key", 0.0)
        turn.answered(1.0, stream=False)
        turn.release(2.0)
    assert list(vars(fleet)["_spots"]) == [("gpu1", "m:latest")]
    assert vars(fleet)["_running"] == {}


def test_a_reload_keeps_what_is_known_of_a_node_unless_it_has_moved() -> None:
    fleet = two()
    awake(fleet, "gpu1", "m")
    turn = fleet.take(GPU1, (), "key", 0.0)
    fleet.configure([node("gpu1", parallel=5)], FleetSettings())
    assert list(fleet.sights) == ["gpu1"]
    assert "m:latest" in fleet.sights["gpu1"].resident
    assert fleet.obstacle(GPU1, (), 0.0) is None
    turn.release(1.0)
    moved = node("elsewhere", parallel=5)
    fleet.configure([node("gpu1"), moved], FleetSettings())
    import msgspec

    fleet.configure([msgspec.structs.replace(moved, name="gpu1")], FleetSettings())
    assert not fleet.sights["gpu1"].resident


def test_a_node_that_broke_a_connection_is_left_at_once_and_looked_at() -> None:
    fleet = two()
    awake(fleet, "gpu1", "m")
    looked_at: list[str] = []
    fleet.on_suspect = looked_at.append
    fleet.suspect("gpu1")
    fleet.suspect("unheard of")
    awake(fleet, "gpu2")
    assert (preferred(fleet), looked_at) == (["gpu2"], ["gpu1"])


@pytest.mark.parametrize(
    ("fields", "defaults", "window"),
    [
        ({}, {}, Window(4096, False)),
        ({"num_ctx": raw(100)}, {"num_ctx": raw(200)}, Window(100, True)),
        ({}, {"options": raw({"num_ctx": 200})}, Window(200, True)),
    ],
)
def test_the_window_is_what_is_asked_for_else_the_usual_one(
    fields: dict[str, object], defaults: dict[str, object], window: Window
) -> None:
    fleet = two()
    assert fleet.window(placed("gpu1", defaults=defaults), fields) == window  # type: ignore[arg-type]


def test_the_window_is_what_the_node_says_and_never_more_than_the_model_can() -> None:
    fleet = two()
    has(fleet, "gpu1", "m", shown=Shown(context=8192, trained=32768))
    assert fleet.window(GPU1, {}) == Window(8192, is_sure=True)
    awake(fleet, "gpu1", "m", context=16384)
    assert fleet.window(GPU1, {}) == Window(16384, is_sure=True)
    assert fleet.window(GPU1, {"num_ctx": raw(99999)}) == Window(32768, is_sure=True)


def test_a_deployment_sleeps_with_its_node() -> None:
    fleet = two()
    assert not fleet.is_asleep(GPU1)
    fleet.missed("gpu1", refused=True)
    assert fleet.is_asleep(GPU1)
    assert not fleet.is_asleep(GPU2)
    assert not fleet.is_asleep(deployment("rented"))


def test_places_are_shared_with_other_processes_that_use_them_and_only_as_long_as_they_do() -> None:
    fleet = fleet_of(node("gpu1", parallel=4))
    place = fleet.place_of(GPU1)
    assert fleet.used() == set()
    for _ in range(2):
        fleet.take(GPU1, (), "key", 0.0)
    assert fleet.used() == {place}
    assert fleet.is_free(GPU1, 0.0)
    assert fleet.sharers(place) == 1
    fleet.divide({place: (2, 0)}, 0.0)
    assert fleet.sharers(place) == 2
    assert not fleet.is_free(GPU1, 0.0)
    come = waiting(fleet, "key", GPU1)
    assert not come.done()
    fleet.divide({}, 0.0)  # the other has no calls there any more
    assert come.done()
