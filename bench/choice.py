"""Measure what the choice of a deployment costs: one call's plan, without a network.

python bench/choice.py

The last column has two hundred groups of five: it must be no dearer than one group of five.
"""

import random
import statistics
import tempfile
import timeit
from pathlib import Path

import msgspec

from hx_gateway.config.embedded import Found
from hx_gateway.config.load import LoadOptions, examine
from hx_gateway.core.call import Call, Operation
from hx_gateway.core.principal import Principal, Scope
from hx_gateway.pipeline.planner import Planner, fit_rules, ground_of
from hx_gateway.routing.health import Health
from hx_gateway.routing.meter import Meter
from hx_gateway.routing.table import Table

SHAPES = ((1, 1), (1, 3), (1, 5), (200, 5))  # groups, deployments in each
STRATEGIES = ("simple-shuffle", "least-busy", "latency-based-routing", "adaptive")
CALLS, ROUNDS = 1000, 15
CALLER = Principal(key_id="bench", scopes=frozenset({Scope.INFERENCE}))
CALL = Call(id="1", operation=Operation.CHAT, dialect="openai_chat", model="m", fields={})


def config(groups, deployments, strategy):
    entries = [
        {
            "model_name": f"group-{group}",
            "litellm_params": {
                "model": "openai/x",
                "api_key": "sk-x",
                "api_base": f"http://127.0.0.1:{20_000 + group * 10 + number}/v1",
                "weight": number + 1,
            },
        }
        for group in range(groups)
        for number in range(deployments)
    ]
    return {"model_list": entries, "router_settings": {"routing_strategy": strategy}}


def snapshot(folder, groups, deployments, strategy):
    path = folder / "config.yaml"
    path.write_bytes(msgspec.json.encode(config(groups, deployments, strategy)))
    environ = {
        "HX_STATE_DIR": str(folder),
        "LITELLM_MASTER_KEY": "sk-bench-0123456789-abcdefghijklmnop",
    }
    result = examine(LoadOptions(config=path, environ=environ, found=Found()))
    assert result.snapshot is not None, result.problems
    return result.snapshot


def microseconds(made):
    """Give the median over rounds of the mean of a thousand choices among all groups."""
    table, health = Table(made), Health()
    for deployment in made.deployments.values():
        health.of(deployment).succeeded(1.0, 0.1, tokens=10)
    ground = ground_of(made.routing, health, random.Random(1), Meter())
    planner = Planner(table, ground, fit_rules(table.routes(), made.routing, ground))
    routes = random.Random(2).choices(list(table.routes()), k=CALLS)

    def choose():
        for route in routes:
            planner.begin(route, CALL, CALLER, 5.0)

    taken = timeit.repeat(choose, number=1, repeat=ROUNDS)
    return statistics.median(taken) / CALLS * 1e6


def main():
    print(f"{'microseconds a choice':24}", *(f"{g:>4} x {d}" for g, d in SHAPES))
    with tempfile.TemporaryDirectory() as name:
        for strategy in STRATEGIES:
            row = [microseconds(snapshot(Path(name), *shape, strategy)) for shape in SHAPES]
            print(f"{strategy:24}", *(f"{figure:8.1f}" for figure in row))


if __name__ == "__main__":
    main()
