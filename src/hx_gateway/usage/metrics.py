"""Take receipts, give Prometheus text.

On the hot path receipts are added to plain numbers; labels and text are made when somebody asks.
"""

import asyncio
import platform
from collections.abc import Callable, Iterable, Mapping

import msgspec
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from hx_gateway.core.receipt import Attempt, Ending, Parties, Receipt
from hx_gateway.core.usage import NANOS_PER_USD
from hx_gateway.usage.families import families
from hx_gateway.usage.reading import read
from hx_gateway.usage.tally import Series, Signature, Tally, series_of, signature, spreads
from hx_gateway.usage.total import WORKER_ENDS, Family

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
MAX_SERIES = 10_000
MANY = 32  # receipts that are counted in one go: some 0.1 ms
_OFF_LOOP = 100  # series from which on rendering would hold the event loop up for some ms
_DEPLOYMENT = ("model_id", "api_provider", "litellm_model_name")
_OTHER = "other"
_COMPLETE = Ending.COMPLETE
_Labels = tuple[str, ...]
_Alike = tuple[Parties, int, str | None, bool | None]  # and status, error, cache hit


class Count:
    """A number that somebody adds to."""

    __slots__ = ("n",)

    def __init__(self) -> None:
        """Start at nothing."""
        self.n = 0


class DeploymentState(msgspec.Struct, frozen=True, kw_only=True):
    """How a deployment is: 0 healthy, 1 failing in part, 2 out; and its limits, if it has any."""

    deployment_id: str
    provider: str
    model: str
    state: int
    rpm: int | None = None
    tpm: int | None = None


def _no_states() -> Iterable[DeploymentState]:
    return ()


def _none() -> int:
    return 0


def _no_counts() -> Mapping[str, int]:
    return {}


class Metrics(Collector):
    """The numbers of this process: a `ReceiptSink` that can be read as Prometheus text.

    Labels come from receipts and configuration only: no prompt, no secret, no address. A client can
    choose a model name (wildcard routes), so series are bounded: past the limit, names are `other`.
    """

    def __init__(
        self,
        version: str,
        *,
        states: Callable[[], Iterable[DeploymentState]] = _no_states,
        in_flight: Callable[[], int] = _none,
        draining: Callable[[], int] = _none,
        drained: Callable[[], Mapping[str, int]] = _no_counts,
        log_lines_lost: Callable[[], int] = _none,
        budgets_left: Callable[[], Mapping[str, int]] = _no_counts,
        max_series: int = MAX_SERIES,
    ) -> None:
        """All that is to be called is asked at each reading."""
        self.registry = CollectorRegistry()
        self._version = version
        self._states = states
        self._draining = draining
        self._drained = drained
        self._log_lines_lost = log_lines_lost
        self._budgets_left = budgets_left
        self._max_series = max_series
        self._taken: list[Receipt] = []  # not counted yet
        self._tallies: dict[Signature, Tally] = {}
        # The same tallies, found without a look at what the parties of a call are.
        self._known: dict[_Alike, Tally] = {}
        self._attempts: dict[_Labels, int] = {}
        self._cooled: dict[_Labels, int] = {}
        self._fallen: dict[_Labels, int] = {}
        self._fallen_in_vain: dict[_Labels, int] = {}
        self._dependencies: dict[str, bool] = {}
        self._answers: dict[tuple[str, int], Count] = {}
        self._in_flight = in_flight
        self.registry.register(self)
        ProcessCollector(registry=self.registry)

    def take(self, receipt: Receipt) -> None:
        """Count one settled call: soon, with others, which costs less than each by itself."""
        self._taken.append(receipt)
        if len(self._taken) >= MANY:
            self._count_taken()

    def _count_taken(self) -> None:
        taken, self._taken = self._taken, []
        alike: dict[_Alike, list[Receipt]] = {}
        for receipt in taken:
            key = (receipt.parties, receipt.status, receipt.error_code, receipt.cache_hit)
            if key in alike:
                alike[key].append(receipt)
            else:
                alike[key] = [receipt]
        for key, receipts in alike.items():
            self._count(key, receipts)

    def _count(self, alike: _Alike, receipts: list[Receipt]) -> None:
        tally = self._known.get(alike)
        if tally is None:
            if len(self._known) >= self._max_series:
                self._known.clear()
            tally = self._known[alike] = self._tally_of(signature(receipts[0]))
        tally.add(receipts)
        for receipt in receipts:
            asked = len(receipt.attempts)
            if asked == 1 and receipt.ending is _COMPLETE:
                tally.straight += 1  # the usual way; its labels are those of the tally
            elif asked:
                self._count_attempts(receipt)

    def counter(self, endpoint: str, status: int) -> Count:
        """Give what `answered` counts with, to those who answer the same way again and again."""
        return self._answers.setdefault((endpoint, status), Count())

    def answered(self, endpoint: str, status: int) -> None:
        """Count one HTTP answer of any endpoint (by its name, never by the path that was sent)."""
        self.counter(endpoint, status).n += 1

    def cooled_down(self, deployment_id: str, provider: str, model: str) -> None:
        """Count that a deployment was taken out for a while."""
        _count(self._cooled, (deployment_id, provider, model))

    def set_dependencies(self, up: Mapping[str, bool]) -> None:
        """Keep what the last checks found, by role."""
        self._dependencies = dict(up)

    async def render(self) -> bytes:
        """Write all series in the Prometheus text format 0.0.4."""
        self._count_taken()
        if len(self._tallies) < _OFF_LOOP:
            return generate_latest(self.registry)
        return await asyncio.to_thread(generate_latest, self.registry)

    async def read(self) -> list[Family]:
        """Take all numbers down, to be added to those of other processes."""
        self._count_taken()
        if len(self._tallies) < _OFF_LOOP:
            return read(self.registry)
        return await asyncio.to_thread(read, self.registry)

    def describe(self) -> Iterable[Metric]:
        """Name nothing in advance: `collect` would run at registration otherwise."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Make all families; works on copies, since it may run beside the event loop."""
        tallies = [(series_of(found), tally) for found, tally in list(self._tallies.items())]
        yield from families(tallies)
        yield from _deployments(dict(self._attempts), tallies)
        yield from self._health()
        yield _gauge("litellm_in_flight_requests", "Calls under way.", {(): self._in_flight()}, ())
        yield from self._drains()
        yield _counter(
            "hx_http_answers",
            "HTTP answers of all endpoints.",
            {(name, str(status)): c.n for (name, status), c in list(self._answers.items())},
            ("endpoint", "status"),
        )
        yield _counter(
            "hx_log_lines_lost",
            "Log lines dropped because the log was not read fast enough.",
            {(): self._log_lines_lost()},
            (),
        )
        yield _gauge("hx_workers", "Processes that serve this port together.", {(): 1}, ())
        text = "Worker processes that ended by themselves and were replaced."
        yield _counter(WORKER_ENDS, text, {(): 0}, ())  # counted by who replaces them
        version = (self._version, platform.python_version())
        yield _gauge("hx_build_info", "What runs.", {version: 1}, ("version", "python"))

    def _drains(self) -> Iterable[Metric]:
        live: dict[_Labels, int] = {(): self._draining()}
        text = "Answers that are read on after their client left."
        yield _gauge("hx_draining_answers", text, live, ())
        over: dict[_Labels, int] = {(how,): count for how, count in self._drained().items()}
        text = "Answers that were read on after their client left, by how that ended."
        yield _counter("hx_drained_answers", text, over, ("ending",))

    def _health(self) -> Iterable[Metric]:
        all_ = {(s.deployment_id, s.provider, s.model): s for s in self._states()}
        states: dict[_Labels, int] = {labels: s.state for labels, s in all_.items()}
        for name in ("rpm", "tpm"):
            limits = {labels: getattr(s, name) for labels, s in all_.items()}
            what = "requests" if name == "rpm" else "tokens"
            yield _gauge(
                f"litellm_deployment_{name}_limit",
                f"How many {what} a minute the configuration gives a deployment.",
                {labels: limit for labels, limit in limits.items() if limit is not None},
                _DEPLOYMENT,
            )
        yield _gauge(
            "litellm_deployment_state",
            "0 healthy, 1 failing in part, 2 out.",
            states,
            _DEPLOYMENT,
        )
        yield _counter(
            "litellm_deployment_cooled_down",
            "How often a deployment was taken out for a while.",
            dict(self._cooled),
            _DEPLOYMENT,
        )
        for name, found in (("successful", self._fallen), ("failed", self._fallen_in_vain)):
            yield _counter(
                f"litellm_deployment_{name}_fallbacks",
                "Calls whose last deployment was not the first one asked.",
                dict(found),
                ("requested_model", "fallback_model"),
            )
        yield self._budgets()
        up: dict[_Labels, int] = {(role,): int(is_up) for role, is_up in self._dependencies.items()}
        yield _gauge("hx_dependency_up", "1 when a dependency answers.", up, ("dependency",))

    def _budgets(self) -> Metric:
        metric = GaugeMetricFamily(
            "litellm_provider_remaining_budget_metric",
            "What is left of a provider's budget, in US dollars.",
            labels=("api_provider",),
        )
        for provider, nanos in self._budgets_left().items():
            metric.add_metric((provider,), nanos / NANOS_PER_USD)
        return metric

    def _tally_of(self, found: Signature) -> Tally:
        if found not in self._tallies and len(self._tallies) >= self._max_series:
            found = (found[0], *[_OTHER] * (len(found) - 1))
        return self._tallies.setdefault(found, Tally())

    def _count_attempts(self, receipt: Receipt) -> None:
        *earlier, last = receipt.attempts
        _count(self._attempts, _labels(last, _late_fault(receipt) or last.fault))
        if not earlier:
            return
        for attempt in earlier:
            _count(self._attempts, _labels(attempt, attempt.fault))
        if last.deployment_id != earlier[0].deployment_id:
            fallen = self._fallen if last.fault is None else self._fallen_in_vain
            _count(fallen, (receipt.parties.model, last.model))


def _labels(attempt: Attempt, fault: str | None) -> _Labels:
    return (attempt.deployment_id, attempt.provider, attempt.model, fault or "")


def _count(counts: dict[_Labels, int], key: _Labels) -> None:
    counts[key] = counts.get(key, 0) + 1


def _late_fault(receipt: Receipt) -> str | None:
    """Name the fault of an upstream that had begun to answer and broke off."""
    return (receipt.error_code or "interrupted") if receipt.ending is Ending.BROKEN else None


def _deployments(
    attempts: Mapping[_Labels, int], tallies: Iterable[tuple[Series, Tally]]
) -> Iterable[Metric]:
    succeeded: dict[_Labels, int] = {}
    for series, tally in tallies:
        if tally.straight:
            key: _Labels = (series.model_id, series.api_provider, series.model)
            succeeded[key] = succeeded.get(key, 0) + tally.straight
    total = dict(succeeded)
    failed: dict[_Labels, int] = {}
    for (*deployment, fault), count in attempts.items():
        key = tuple(deployment)
        total[key] = total.get(key, 0) + count
        if fault:
            failed[(*key, fault)] = count
        else:
            succeeded[key] = succeeded.get(key, 0) + count
    name = "litellm_deployment_"
    yield _counter(f"{name}total_requests", "Attempts at a deployment.", total, _DEPLOYMENT)
    yield _counter(f"{name}success_responses", "Attempts that answered.", succeeded, _DEPLOYMENT)
    yield _counter(
        f"{name}failure_responses",
        "Attempts that failed.",
        failed,
        (*_DEPLOYMENT, "exception_class"),
    )
    metric = HistogramMetricFamily(
        f"{name}latency_per_output_token", "Seconds for one output token.", labels=_DEPLOYMENT
    )
    labels = ("model_id", "api_provider", "model")
    for key, spread in spreads(tallies, labels, lambda tally: tally.per_token).items():
        metric.add_metric(key, list(spread.buckets()), spread.sum)
    yield metric


def _counter(name: str, text: str, values: Mapping[_Labels, int], labels: _Labels) -> Metric:
    metric = CounterMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        metric.add_metric(key, value)
    return metric


def _gauge(name: str, text: str, values: Mapping[_Labels, int], labels: _Labels) -> Metric:
    metric = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        metric.add_metric(key, value)
    return metric
