"""What is known of one node."""

from tests.support.fleets import node

from hx_gateway.core.node import Installed, Resident, Shown
from hx_gateway.routing.sight import NodeState, Sight

MODEL = Installed(name="m:latest", digest="1")


def test_a_node_is_asleep_after_two_silences_or_one_refusal() -> None:
    sight = Sight(node("gpu1"))
    states = [sight.state]
    assert sight.heard(1.0, [Resident(name="m:latest")])
    assert not sight.heard(2.0, [Resident(name="m:latest")])
    assert not sight.missed(refused=False)
    states.append(sight.state)
    assert sight.missed(refused=False)
    states.append(sight.state)
    assert states == [NodeState.UNKNOWN, NodeState.AWAKE, NodeState.ASLEEP]
    assert sight.resident == {}
    assert sight.heard(3.0, [])
    assert sight.missed(refused=True)
    assert not sight.missed(refused=True)


def test_what_is_not_listed_is_lacking_once_there_is_a_list() -> None:
    sight = Sight(node("gpu1"))
    assert not sight.lacks("m:latest")
    assert sight.has([MODEL])
    assert not sight.has([MODEL])
    assert (sight.lacks("m:latest"), sight.lacks("other:latest")) == (False, True)


def test_a_model_is_asked_about_once_until_it_changes() -> None:
    sight = Sight(node("gpu1"))
    sight.has([MODEL])
    assert sight.unseen() == [MODEL]
    sight.shown["m:latest", "1"] = Shown(context=8192, trained=4096, embeds_only=True)
    assert sight.unseen() == []
    assert sight.embeds_only("m:latest")
    sight.has([Installed(name="m:latest", digest="2", embeds_only=False)])
    assert [model.digest for model in sight.unseen()] == ["2"]
    assert sight.shown == {}
    assert not sight.embeds_only("m:latest")


def test_the_window_is_that_in_memory_else_what_the_model_sets() -> None:
    sight = Sight(node("gpu1"))
    assert sight.window("m:latest") is None
    sight.has([MODEL])
    sight.shown["m:latest", "1"] = Shown(context=8192, trained=4096)
    assert sight.window("m:latest") == 4096
    sight.shown["m:latest", "1"] = Shown(trained=4096)
    assert sight.window("m:latest") is None
    sight.heard(1.0, [Resident(name="m:latest", context=2048)])
    assert sight.window("m:latest") == 2048


def test_a_model_that_answered_is_in_memory_until_it_is_dropped() -> None:
    sight = Sight(node("gpu1"))
    sight.holds("m:latest")
    assert "m:latest" in sight.resident
    sight.drops("m:latest")
    assert not sight.resident
