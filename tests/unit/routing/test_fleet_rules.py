"""What a route with nodes asks of its deployments."""

import pytest
from tests.support.deployments import deployment, route
from tests.support.fleets import awake, fleet_of, node, placed
from tests.support.plans import DOWN, NOW, A, B, Fussy, plan, shown

from hx_gateway.core.errors import ContextWindowExceeded, NodeBusy, UpstreamError
from hx_gateway.core.route import Deployment
from hx_gateway.core.wire import raw
from hx_gateway.routing.fitness import Need
from hx_gateway.routing.fleet_rules import has_nodes, node_preference, node_room, window_room
from hx_gateway.routing.plan import Try

GPU1, GPU2, RENTED = placed("gpu1"), placed("gpu2"), deployment("rented")


def test_a_route_has_nodes_if_one_of_its_deployments_is_on_one() -> None:
    assert has_nodes(route("m", RENTED, GPU1))
    assert not has_nodes(route("m", RENTED))


def test_a_node_must_have_a_place_and_others_need_none() -> None:
    fleet = fleet_of(node("gpu1", parallel=1))
    room, need = node_room(fleet), Need(peers=(GPU1, RENTED))
    assert room(GPU1, 0.0, need) is None
    fleet.take(GPU1, (), "key", 0.0)
    assert isinstance(room(GPU1, 0.0, need), NodeBusy)
    assert room(RENTED, 0.0, need) is None


@pytest.mark.parametrize(
    ("tokens", "context", "asked", "refused"),
    [
        (5000, None, None, False),  # 4096 is only assumed
        (5000, 4096, None, True),
        (4096, 4096, None, False),
        (5000, 8192, 2048, True),
        (5000, 2048, 8192, False),
    ],
)
def test_a_prompt_is_refused_where_it_would_surely_be_cut(
    tokens: int, context: int | None, asked: int | None, refused: bool
) -> None:
    fleet = fleet_of(node("gpu1"))
    awake(fleet, "gpu1", "m", context=context)
    fields = {} if asked is None else {"num_ctx": raw(asked)}
    fault = window_room(fleet)(GPU1, 0.0, Need(tokens=tokens, fields=fields))
    assert isinstance(fault, ContextWindowExceeded) is refused
    assert window_room(fleet)(RENTED, 0.0, Need(tokens=tokens)) is None


def test_a_wide_window_comes_before_a_model_in_memory() -> None:
    fleet = fleet_of(node("gpu1"), node("gpu2"))
    awake(fleet, "gpu1", "m", context=2048)
    awake(fleet, "gpu2")
    prefer = node_preference(fleet)
    assert prefer((GPU1, GPU2), 0.0, Need(tokens=3000)) == [GPU2]
    assert prefer((GPU1, GPU2), 0.0, Need(tokens=100)) == [GPU1]
    assert prefer((GPU1, GPU2), 0.0, Need(tokens=9000)) == [GPU1]  # it fits nowhere


class Crowded(Fussy):
    """Nodes without a place: some of its rooms are full."""

    def obstacle(self, deployment: Deployment, now: float) -> UpstreamError | None:
        return None if deployment.id in self.rooms else NodeBusy("full")


def test_a_call_waits_for_those_that_are_only_full_before_it_falls_back() -> None:
    main = route("m", A, B, fallbacks=("spare",))
    walker = plan(main, fit=lambda _: Crowded(rooms="c"))
    step = walker.first(NOW)
    assert isinstance(step, Try)
    assert [each.id for each in step.queue] == ["a", "b"]
    assert shown(walker.after(NodeBusy("full"), NOW)) == "c (fallback)"


def test_who_has_a_place_is_asked_at_once_and_the_full_ones_wait_for_a_retry() -> None:
    walker = plan(route("m", A, B), fit=lambda _: Crowded(rooms="b"))
    first = walker.first(NOW)
    assert isinstance(first, Try)
    assert (first.deployment.id, first.queue) == ("b", ())
    step = walker.after(DOWN, NOW)
    assert isinstance(step, Try)
    assert ([each.id for each in step.queue], step.retry) == (["a"], True)


def test_the_one_of_a_queue_that_answered_is_the_one_that_was_asked() -> None:
    crowd = Crowded(rooms="")
    walker = plan(route("m", A, B), fit=lambda _: crowd)
    walker.first(NOW)
    walker.moved(B)
    crowd.rooms = "ab"
    assert shown(walker.after(DOWN, NOW)) == "a"
