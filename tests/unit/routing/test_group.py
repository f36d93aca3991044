"""Whom a call finds in one route: who fits, who has room, who is on trial."""

from collections.abc import Sequence

import msgspec
import pytest
from tests.support.clock import seeded
from tests.support.deployments import deployment, route
from tests.support.plans import DOWN, NOW, A, Fussy, opened, plan, walk

from hx_gateway.core.errors import UpstreamError
from hx_gateway.core.route import Deployment
from hx_gateway.routing.health import Health
from hx_gateway.routing.plan import Try


@pytest.mark.parametrize("strategy", ["simple-shuffle", "least-busy", "latency-based-routing"])
def test_what_has_cooled_down_is_probed_by_the_next_call_and_only_by_one(strategy: str) -> None:
    """A strategy would not find out: by latency, a deployment that timed out is never best again."""
    main = route("m", *(deployment(name) for name in "abc"), strategy=strategy)
    health = opened(Health(cooldown_s=5.0), "c")
    for name in "ab":
        health.of(deployment(name)).succeeded(NOW, 0.1)
    later = NOW + 5.1
    first = plan(main, health=health).first(later)
    assert isinstance(first, Try)
    assert first.deployment.id == "c"
    health.of(first.deployment).begin(later)
    for _ in range(20):
        second = plan(main, health=health).first(later)
        assert isinstance(second, Try)
        assert second.deployment.id != "c"


def test_a_second_attempt_is_no_probe_while_there_is_another() -> None:
    main = route("m", *(deployment(name) for name in "abc"))
    health = opened(Health(cooldown_s=5.0), "c")
    for seed in range(20):
        walker = plan(main, health=health)
        walker._ground = msgspec.structs.replace(walker._ground, random=seeded(seed))
        first = walker.first(NOW)  # c still cools down
        second = walker.after(DOWN, NOW + 5.1)  # now it might be tried
        assert isinstance(first, Try)
        assert isinstance(second, Try)
        assert {first.deployment.id, second.deployment.id} == {"a", "b"}


@pytest.mark.parametrize(
    ("fitness", "fallbacks", "faults", "steps"),
    [
        ({"admits": "b"}, (), [DOWN], ["b", "b+"]),
        ({"admits": ""}, (), [], ["give up: unfit"]),
        ({"admits": "c"}, ("spare",), [], ["give up: unfit"]),  # nobody's fault: no fallback
        ({"rooms": "b"}, (), [], ["b"]),
        ({"rooms": ""}, (), [], ["give up: full"]),
        ({"rooms": "c"}, ("spare",), [], ["c (fallback)"]),
        ({"likes": "b"}, (), [], ["b"]),
        ({"likes": "x"}, (), [], ["a"]),  # a preference narrows, never to nothing
    ],
)
def test_only_what_fits_is_asked(
    fitness: dict[str, str],
    fallbacks: tuple[str, ...],
    faults: list[UpstreamError],
    steps: list[str],
) -> None:
    main = route("m", A, deployment("b", order=0 if "likes" in fitness else 1), fallbacks=fallbacks)
    fit = Fussy(**fitness)
    walker = plan(main, fit=lambda _: fit)
    got = walk(walker, faults)
    if fitness.get("likes") == "x":
        assert got[0] in {"a", "b"}
    else:
        assert got == steps


def test_an_overloaded_route_is_asked_where_there_is_room_even_if_it_cools_down() -> None:
    main = route("m", A, deployment("b"))
    health = opened(Health(), "a", "b")
    walker = plan(main, health=health, fit=lambda _: Fussy(rooms="b"))
    assert walk(walker, []) == ["b"]


def test_the_cost_of_a_choice_does_not_grow_with_what_else_is_configured() -> None:
    """Counts what is looked at: five deployments of one group, or of one among two hundred."""

    class Counting(Health):
        looks = 0

        def sort_out(
            self, deployments: Sequence[Deployment], now: float
        ) -> tuple[list[Deployment], list[Deployment]]:
            Counting.looks += len(deployments)
            return super().sort_out(deployments, now)

    def looks(groups: int) -> int:
        health = Counting()
        routes = {
            f"g{n}": route(f"g{n}", *(deployment(f"{n}-{k}") for k in range(5)))
            for n in range(groups)
        }
        for each in routes.values():
            for one in each.deployments:
                health.of(one)
        Counting.looks = 0
        plan(routes["g0"], health=health, find=routes.get).first(NOW)
        return Counting.looks

    assert looks(1) == looks(200) == 5
