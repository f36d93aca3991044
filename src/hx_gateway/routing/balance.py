"""In which order the deployments of a route are asked. Names of strategies are LiteLLM's.

Pure: health, the time and chance are handed in.
"""

from collections.abc import Callable, Iterator, Sequence

from hx_gateway.core.clock import Random
from hx_gateway.core.route import Deployment
from hx_gateway.routing.health import Health

Pick = Callable[[Sequence[Deployment], Health, Random], Deployment]


def order(
    candidates: Sequence[Deployment], strategy: str, health: Health, random: Random
) -> Iterator[Deployment]:
    """Give the candidates one by one, best first; each pick sees the health of that moment."""
    pick = STRATEGIES[strategy]
    rest = list(candidates)
    while rest:
        chosen = rest[0] if len(rest) == 1 else pick(rest, health, random)
        rest.remove(chosen)
        yield chosen


def _shuffle(rest: Sequence[Deployment], _: Health, random: Random) -> Deployment:
    """Weighted by the first of weight, rpm, tpm that anybody states; else uniform."""
    for weigh in (_weight, _rpm, _tpm):
        weights = [weigh(deployment) for deployment in rest]
        if any(weights):
            return _weighted(rest, weights, random)
    return rest[int(random.random() * len(rest))]


def _weighted(rest: Sequence[Deployment], weights: list[float], random: Random) -> Deployment:
    mark = random.random() * sum(weights)
    for deployment, weight in zip(rest, weights, strict=True):
        mark -= weight
        if mark < 0:
            return deployment
    return rest[-1]


def _weight(deployment: Deployment) -> float:
    return max(deployment.weight or 0.0, 0.0)


def _rpm(deployment: Deployment) -> float:
    return float(deployment.rpm or 0)


def _tpm(deployment: Deployment) -> float:
    return float(deployment.tpm or 0)


def _least_busy(rest: Sequence[Deployment], health: Health, random: Random) -> Deployment:
    return _lowest(rest, lambda deployment: health.of(deployment).in_flight, random)


def _fastest(rest: Sequence[Deployment], health: Health, random: Random) -> Deployment:
    """Lowest mean latency; an unmeasured deployment counts as 0, so it is tried soon."""
    return _lowest(rest, lambda deployment: health.of(deployment).latency(), random)


def _cheapest(rest: Sequence[Deployment], _: Health, random: Random) -> Deployment:
    return _lowest(rest, _price, random)


def _price(deployment: Deployment) -> float:
    price = deployment.price
    return float("inf") if price is None else float(price.input + price.output)


def _adaptive(rest: Sequence[Deployment], health: Health, random: Random) -> Deployment:
    """Power of two choices on latency times load (Mitzenmacher 2001): no herd on the best one."""
    first = int(random.random() * len(rest))
    second = int(random.random() * (len(rest) - 1))
    second += second >= first
    return min(rest[first], rest[second], key=lambda deployment: _load(deployment, health))


def _load(deployment: Deployment, health: Health) -> float:
    vitals = health.of(deployment)
    return (vitals.in_flight + 1) * max(vitals.score_s, 0.001)


def _lowest(
    rest: Sequence[Deployment], key: Callable[[Deployment], float], random: Random
) -> Deployment:
    scored = [(key(deployment), deployment) for deployment in rest]
    best = min(score for score, _ in scored)
    ties = [deployment for score, deployment in scored if score <= best]
    return ties[int(random.random() * len(ties))]


STRATEGIES: dict[str, Pick] = {
    "simple-shuffle": _shuffle,
    "least-busy": _least_busy,
    "latency-based-routing": _fastest,
    "cost-based-routing": _cheapest,
    "usage-based-routing": _least_busy,
    "usage-based-routing-v2": _least_busy,
    "adaptive": _adaptive,
}
