"""Which of several deployments is asked. Names of strategies are LiteLLM's, `adaptive` is ours.

Pure: health, use, the time and chance are handed in.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from hx_gateway.core.clock import Random
from hx_gateway.core.route import Deployment
from hx_gateway.routing.health import Health
from hx_gateway.routing.meter import Meter


class Moment(msgspec.Struct, frozen=True, gc=False):
    """What a choice is made from, beside the deployments."""

    health: Health
    random: Random
    now: float = 0.0
    stream: bool = False
    meter: Meter | None = None


Pick = Callable[[Sequence[Deployment], Moment], Deployment]


def pick(candidates: Sequence[Deployment], strategy: Pick, moment: Moment) -> Deployment:
    """Choose one of at least one."""
    return candidates[0] if len(candidates) == 1 else strategy(candidates, moment)


def strategies(args: Mapping[str, float]) -> Mapping[str, Pick]:
    """Make all strategies, by name; `args` are LiteLLM's `routing_strategy_args`."""
    return {
        "simple-shuffle": _shuffle,
        "least-busy": _least_busy,
        "latency-based-routing": _fastest(args),
        "cost-based-routing": _cheapest,
        "usage-based-routing": _least_used,
        "usage-based-routing-v2": _least_used,
        "provider-budget-routing": _shuffle,  # budgets bound every strategy; see `purse.py`
        "adaptive": _adaptive,
    }


def _shuffle(rest: Sequence[Deployment], moment: Moment) -> Deployment:
    """Weighted by the first of weight, rpm, tpm that anybody states; else uniform."""
    weights: list[float | None] = [each.weight for each in rest]
    if not any(weights):
        weights = [each.rpm for each in rest]
        if not any(weights):
            weights = [each.tpm for each in rest]
            if not any(weights):
                return _any_of(rest, moment)
    return _weighted(rest, [max(each or 0.0, 0.0) for each in weights], moment.random)


def _weighted(rest: Sequence[Deployment], weights: list[float], random: Random) -> Deployment:
    mark = random.random() * sum(weights)
    for deployment, weight in zip(rest, weights, strict=True):
        mark -= weight
        if mark < 0:
            return deployment
    return rest[-1]


def _least_busy(rest: Sequence[Deployment], moment: Moment) -> Deployment:
    return _lowest(rest, lambda each: moment.health.of(each).in_flight, moment)


def _fastest(args: Mapping[str, float]) -> Pick:
    """Lowest mean latency, or any within the buffer; an unmeasured one counts as 0.

    Whole answers are compared by seconds an output token, streams by their first event.
    """
    ttl_s = args.get("ttl", 3600.0)
    buffer = args.get("lowest_latency_buffer", 0.0)
    last = int(args.get("max_latency_list_size", 10))

    def latency(deployment: Deployment, moment: Moment) -> float:
        vitals = moment.health.of(deployment)
        samples = vitals.first if moment.stream else vitals.per_token
        return samples.mean(moment.now, ttl_s=ttl_s, last=last)

    def choose(rest: Sequence[Deployment], moment: Moment) -> Deployment:
        return _lowest(rest, lambda each: latency(each, moment), moment, buffer=buffer)

    return choose


def _cheapest(rest: Sequence[Deployment], moment: Moment) -> Deployment:
    return _lowest(rest, _price, moment)


def _price(deployment: Deployment) -> float:
    price = deployment.price
    return float("inf") if price is None else float(price.input + price.output)


def _least_used(rest: Sequence[Deployment], moment: Moment) -> Deployment:
    """Fewest tokens in the current minute; who has no room is left out before (`fitness.py`)."""
    meter = moment.meter
    if meter is None:
        return _any_of(rest, moment)
    return _lowest(rest, lambda each: meter.of(each, moment.now).tokens, moment)


def _adaptive(rest: Sequence[Deployment], moment: Moment) -> Deployment:
    """Power of two choices on latency times load (Mitzenmacher 2001): no herd on the best one."""
    first = int(moment.random.random() * len(rest))
    second = int(moment.random.random() * (len(rest) - 1))
    second += second >= first
    return min(rest[first], rest[second], key=lambda each: _load(each, moment.health))


def _load(deployment: Deployment, health: Health) -> float:
    vitals = health.of(deployment)
    return (vitals.in_flight + 1) * max(vitals.score_s, 0.001)


def _any_of(rest: Sequence[Deployment], moment: Moment) -> Deployment:
    return rest[int(moment.random.random() * len(rest))]


def _lowest(
    rest: Sequence[Deployment],
    key: Callable[[Deployment], float],
    moment: Moment,
    *,
    buffer: float = 0.0,
) -> Deployment:
    scored = [(key(deployment), deployment) for deployment in rest]
    best = min(score for score, _ in scored)
    ties = [deployment for score, deployment in scored if score <= best * (1.0 + buffer)]
    return _any_of(ties, moment)
