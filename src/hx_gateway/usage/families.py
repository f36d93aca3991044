"""The Prometheus families that are made of tallies: names, help, labels, what they add up.

Names and labels are LiteLLM's (its `types/integrations/prometheus.py`), so that dashboards and
alerts made for it work unchanged. Labels that are always empty here are left out.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from hx_gateway.core.usage import NANOS_PER_USD
from hx_gateway.usage.spread import Spread
from hx_gateway.usage.tally import Series, Tally, spreads, sums

_WHO = ("hashed_api_key", "api_key_alias", "team", "user")
_WHAT = ("requested_model", "model", "model_id", "api_provider")


class CounterFamily(msgspec.Struct, frozen=True):
    """A counter: what one tally adds to it."""

    name: str
    help: str
    labels: tuple[str, ...]
    value: Callable[[Tally], float]


class SpreadFamily(msgspec.Struct, frozen=True):
    """A histogram: which spread of a tally goes into it."""

    name: str
    help: str
    labels: tuple[str, ...]
    value: Callable[[Tally], Spread]


COUNTERS = (
    CounterFamily(
        "litellm_proxy_total_requests_metric",
        "Calls, however they ended.",
        ("status_code", "route", *_WHAT, *_WHO),
        lambda tally: tally.calls,
    ),
    CounterFamily(
        "litellm_spend_metric",
        "Cost in US dollars.",
        (*_WHAT, *_WHO),
        lambda tally: tally.nanos / NANOS_PER_USD,
    ),
    CounterFamily(
        "litellm_total_tokens_metric",
        "Input and output tokens.",
        (*_WHAT, *_WHO),
        lambda tally: tally.input + tally.output,
    ),
    CounterFamily(
        "litellm_input_tokens_metric",
        "Input tokens, cached ones included.",
        (*_WHAT, *_WHO),
        lambda tally: tally.input,
    ),
    CounterFamily(
        "litellm_output_tokens_metric",
        "Output tokens, reasoning included.",
        (*_WHAT, *_WHO),
        lambda tally: tally.output,
    ),
    CounterFamily(
        "litellm_input_cached_tokens_metric",
        "Input tokens that the provider read from its cache.",
        (*_WHAT, *_WHO),
        lambda tally: tally.cached,
    ),
    CounterFamily(
        "litellm_output_reasoning_tokens_metric",
        "Output tokens spent on reasoning.",
        (*_WHAT, *_WHO),
        lambda tally: tally.reasoning,
    ),
    CounterFamily(
        "litellm_cache_hits_metric",
        "Calls that were answered from the answer cache.",
        (*_WHAT, *_WHO),
        lambda tally: tally.hits,
    ),
    CounterFamily(
        "litellm_cache_misses_metric",
        "Calls that were looked up in the answer cache and not found.",
        (*_WHAT, *_WHO),
        lambda tally: tally.misses,
    ),
    CounterFamily(
        "litellm_cached_tokens_metric",
        "Tokens of answers from the answer cache; they cost nothing.",
        (*_WHAT, *_WHO),
        lambda tally: tally.kept,
    ),
)
FAILED = CounterFamily(
    "litellm_proxy_failed_requests_metric",
    "Calls that ended with an error.",
    ("status_code", "exception_class", "route", *_WHAT, *_WHO),
    lambda tally: tally.calls,
)
SPREADS = (
    SpreadFamily(
        "litellm_request_total_latency_metric",
        "Seconds from accepting a call to the end of its answer.",
        (*_WHAT, *_WHO),
        lambda tally: tally.total,
    ),
    SpreadFamily(
        "litellm_llm_api_latency_metric",
        "Seconds that the answering upstream took.",
        (*_WHAT, *_WHO),
        lambda tally: tally.upstream,
    ),
    SpreadFamily(
        "litellm_llm_api_time_to_first_token_metric",
        "Seconds from accepting a streamed call to its first event.",
        (*_WHAT, *_WHO),
        lambda tally: tally.first_token,
    ),
    SpreadFamily(
        "litellm_overhead_latency_metric",
        "Seconds of a call that the answering upstream did not take.",
        (*_WHAT, *_WHO),
        lambda tally: tally.overhead,
    ),
)


def families(tallies: Sequence[tuple[Series, Tally]]) -> Iterable[Metric]:
    """Make all families of the given tallies."""
    for family in COUNTERS:
        yield _counter(family, tallies)
    yield _counter(FAILED, [item for item in tallies if item[0].status_code >= "400"])
    for spread in SPREADS:
        yield _histogram(spread, tallies)


def _counter(family: CounterFamily, tallies: Iterable[tuple[Series, Tally]]) -> Metric:
    metric = CounterMetricFamily(family.name, family.help, labels=family.labels)
    for labels, value in sums(tallies, family.labels, family.value).items():
        metric.add_metric(labels, value)
    return metric


def _histogram(family: SpreadFamily, tallies: Iterable[tuple[Series, Tally]]) -> Metric:
    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    for labels, spread in spreads(tallies, family.labels, family.value).items():
        metric.add_metric(labels, list(spread.buckets()), spread.sum)
    return metric
