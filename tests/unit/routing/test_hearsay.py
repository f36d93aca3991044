"""What is written on the board, and for whom it counts. The stories are in unit/pipeline."""

import pytest
from tests.support.deployments import deployment
from tests.support.fleets import fleet_of, node, placed

from hx_gateway.core.errors import Overloaded, Unreachable, UpstreamError
from hx_gateway.core.http import Origin
from hx_gateway.core.ports import Note
from hx_gateway.core.route import Deployment
from hx_gateway.routing.health import Health
from hx_gateway.routing.hearsay import Refusals, Sharing, Telling, tag_of

NOW = 100.0
HERE = Origin(host="127.0.0.1", port=8000)
THERE = Origin(host="gpu.example", port=8000)
BUSY = Overloaded("busy", upstream_status=429, retry_after_s=30.0)
DOWN = Unreachable("down")


def taken_out(
    one: Deployment, machine: str = "m1", fault: UpstreamError = BUSY
) -> tuple[Health, Refusals]:
    health = Health()
    refusals = Refusals(health, machine)
    refusals.deployments = {one.id: one}
    health.on_refused, health.on_lost = refusals.refused, refusals.lost
    for _ in range(3):
        health.failed(one, NOW, fault, alone=False)
    return health, refusals


def notes(telling: Telling) -> list[Note]:
    return [Note(name, 0.0, left_s) for name, left_s in telling.put.items()]


@pytest.mark.parametrize(
    ("origin", "fault", "machine", "believes"),
    [
        (THERE, BUSY, "m1", True),
        (THERE, BUSY, "m2", True),
        (HERE, BUSY, "m1", True),
        (HERE, BUSY, "m2", False),  # 127.0.0.1 is somebody else there
        (THERE, DOWN, "m1", True),
        (THERE, DOWN, "m2", False),  # the way there is another one
        (HERE, DOWN, "m1", True),
    ],
)
def test_what_is_true_for_a_machine_only_stays_on_it(
    origin: Origin, fault: UpstreamError, machine: str, believes: bool
) -> None:
    one = deployment("a", origin=origin)
    _, teller = taken_out(one, fault=fault)
    health = Health()
    listener = Refusals(health, machine)
    listener.deployments = {"a": one}
    listener.hear(notes(teller.tell(NOW)), NOW)
    assert health.is_usable(one, NOW) is not believes


def test_what_is_taken_out_again_while_it_is_told_is_told_again() -> None:
    one = deployment("a", origin=THERE)
    health, refusals = taken_out(one)
    telling = refusals.tell(NOW)
    health.failed(one, NOW + 1.0, BUSY, alone=False)
    refusals.told(telling, NOW + 1.0)
    (left_s,) = refusals.tell(NOW + 1.0).put.values()
    assert left_s == 30.0
    refusals.told(refusals.tell(NOW + 1.0), NOW + 1.0)
    assert not refusals.tell(NOW + 1.0).put


def test_what_was_said_here_is_no_news_until_its_time_is_over() -> None:
    one = deployment("a", origin=THERE)
    health, refusals = taken_out(one)
    beliefs: list[float] = []
    refusals.on_belief = lambda _, seconds: beliefs.append(seconds)
    telling = refusals.tell(NOW)
    (name,) = telling.put
    refusals.told(telling, NOW)
    refusals.hear([Note(name, 0.0, 90.0)], NOW)
    assert beliefs == []
    refusals.told(refusals.tell(NOW + 31.0), NOW + 31.0)
    refusals.hear([Note(name, 0.0, 90.0)], NOW + 31.0)  # somebody else was refused since
    assert beliefs == [90.0]
    assert not health.is_usable(one, NOW + 120.0)


def test_a_node_is_known_by_where_it_is_whatever_it_is_called() -> None:
    there = [fleet_of(node(name, parallel=4, origin=THERE)) for name in ("gpu", "big")]
    one, other = (Sharing(fleet, f"p{n}", f"m{n}") for n, fleet in enumerate(there))
    there[0].take(placed("gpu"), (), "key", NOW)
    told = one.tell(NOW)
    assert THERE.host not in str(told.put)
    other.hear(notes(told), NOW)
    assert there[1].sharers(there[1].place_of(placed("big"))) == 2


def test_the_same_address_of_a_machine_itself_is_another_node_on_the_next() -> None:
    assert tag_of(THERE, "m1") == tag_of(THERE, "m2")
    assert tag_of(HERE, "m1") != tag_of(HERE, "m2")
    assert tag_of(Origin(socket_path="/s"), "m1") != tag_of(Origin(socket_path="/s"), "m2")


@pytest.mark.parametrize("name", ["", "uses", "uses\x1fp\x1fnobody\x1fm", "x\x1fy", "refuses\x1fz"])
def test_what_means_nothing_here_is_passed_over(name: str) -> None:
    _, refusals = taken_out(deployment("a", origin=THERE))
    fleet = fleet_of(node("gpu"))
    for topic in (refusals, Sharing(fleet, "p", "m")):
        topic.hear([Note(name, 0.0, 1.0)], NOW)
