"""From receipts to the numbers a dashboard reads."""

import math

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.receipts import attempt, receipt

from hx_gateway.core.receipt import Ending
from hx_gateway.core.usage import Usage
from hx_gateway.usage.metrics import MANY, DeploymentState, Metrics

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def read(metrics: Metrics) -> Samples:
    text = (await metrics.render()).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(samples: Samples, name: str, **labels: str) -> float:
    return sum(
        value
        for (found, have), value in samples.items()
        if found == name and set(labels.items()) <= set(have)
    )


async def test_one_call_is_in_every_series_it_belongs_to() -> None:
    metrics = Metrics("1.2.3")
    metrics.take(receipt(stream=True))
    samples = await read(metrics)
    labels = {"requested_model": "gpt", "model_id": "d1", "api_provider": "acme"}
    for name, value in (
        ("litellm_proxy_total_requests_metric_total", 1),
        ("litellm_total_tokens_metric_total", 12),
        ("litellm_input_tokens_metric_total", 5),
        ("litellm_output_tokens_metric_total", 7),
        ("litellm_input_cached_tokens_metric_total", 2),
        ("litellm_output_reasoning_tokens_metric_total", 3),
        ("litellm_spend_metric_total", 0.0000025),
        ("litellm_request_total_latency_metric_count", 1),
        ("litellm_llm_api_latency_metric_sum", 0.29),
        ("litellm_llm_api_time_to_first_token_metric_sum", 0.1),
        ("litellm_overhead_latency_metric_count", 1),
    ):
        assert math.isclose(total(samples, name, **labels), value), name
    assert total(samples, "litellm_deployment_total_requests_total", model_id="d1") == 1
    assert total(samples, "litellm_deployment_success_responses_total", model_id="d1") == 1
    assert total(samples, "litellm_proxy_failed_requests_metric_total") == 0
    assert total(samples, "hx_build_info", version="1.2.3") == 1


async def test_numbers_are_exact_at_each_reading() -> None:
    metrics = Metrics("0")
    for n in range(1, 301):
        metrics.take(receipt(alias=f"a{n % 3}"))
        if n % 100 == 0:
            samples = await read(metrics)
            assert total(samples, "litellm_proxy_total_requests_metric_total") == n
            assert total(samples, "litellm_request_total_latency_metric_bucket", le="+Inf") == n


async def test_a_fallback_counts_both_deployments() -> None:
    metrics = Metrics("0")
    metrics.take(receipt(attempts=(attempt("d0", "Overloaded"), attempt("d1"))))
    metrics.take(
        receipt(
            attempts=(attempt("d0", "Overloaded"), attempt("d1", "TimedOut")),
            ending=Ending.FAILED,
            status=504,
        )
    )
    samples = await read(metrics)
    assert total(samples, "litellm_deployment_total_requests_total") == 4
    assert total(samples, "litellm_deployment_success_responses_total", model_id="d1") == 1
    failed = "litellm_deployment_failure_responses_total"
    assert total(samples, failed, model_id="d0", exception_class="Overloaded") == 2
    assert total(samples, failed, model_id="d1", exception_class="TimedOut") == 1
    fallback = {"requested_model": "gpt", "fallback_model": "model-of-d1"}
    assert total(samples, "litellm_deployment_successful_fallbacks_total", **fallback) == 1
    assert total(samples, "litellm_deployment_failed_fallbacks_total", **fallback) == 1


async def test_a_retry_of_the_same_deployment_is_no_fallback() -> None:
    metrics = Metrics("0")
    metrics.take(receipt(attempts=(attempt("d1", "Overloaded"), attempt("d1"))))
    samples = await read(metrics)
    assert total(samples, "litellm_deployment_total_requests_total") == 2
    assert total(samples, "litellm_deployment_successful_fallbacks_total") == 0


async def test_a_broken_stream_counts_against_its_deployment() -> None:
    metrics = Metrics("0")
    metrics.take(receipt(ending=Ending.BROKEN, error_code="upstream_interrupted"))
    samples = await read(metrics)
    assert total(samples, "litellm_deployment_success_responses_total") == 0
    assert (
        total(
            samples,
            "litellm_deployment_failure_responses_total",
            exception_class="upstream_interrupted",
        )
        == 1
    )


async def test_series_are_bounded_and_nothing_is_lost() -> None:
    metrics = Metrics("0", max_series=10)
    for n in range(200):
        metrics.take(receipt(model=f"openai/{n}"))
    samples = await read(metrics)
    name = "litellm_proxy_total_requests_metric_total"
    assert total(samples, name) == 200
    assert total(samples, name, requested_model="other") == 190
    assert len([key for key in samples if key[0] == name]) == 11


async def test_many_series_are_rendered_off_the_loop_with_the_same_result() -> None:
    metrics = Metrics("0")
    for n in range(150):
        metrics.take(receipt(model=f"openai/{n}"))
    assert total(await read(metrics), "litellm_proxy_total_requests_metric_total") == 150


async def test_states_are_asked_at_the_reading() -> None:
    states = [
        DeploymentState(deployment_id="d1", provider="acme", model="m", state=2, rpm=60),
        DeploymentState(deployment_id="d2", provider="acme", model="m", state=0, tpm=9000),
    ]
    lost = [0]
    metrics = Metrics(
        "0", states=lambda: states, in_flight=lambda: 1, log_lines_lost=lambda: lost[0]
    )
    metrics.cooled_down("d1", "acme", "m")
    metrics.set_dependencies({"redis": False, "database": True})
    metrics.answered("healthz", 200)
    lost[0] = 7
    samples = await read(metrics)
    assert total(samples, "litellm_deployment_state", model_id="d1") == 2
    assert total(samples, "litellm_deployment_rpm_limit") == 60
    assert total(samples, "litellm_deployment_tpm_limit", model_id="d2") == 9000
    assert total(samples, "litellm_in_flight_requests") == 1
    assert total(samples, "litellm_deployment_cooled_down_total", model_id="d1") == 1
    assert total(samples, "hx_dependency_up", dependency="redis") == 0
    assert total(samples, "hx_dependency_up", dependency="database") == 1
    assert total(samples, "hx_http_answers_total", endpoint="healthz", status="200") == 1
    assert total(samples, "hx_log_lines_lost_total") == 7


@pytest.mark.parametrize("value", ['a"b', "a\nb", "a\\b", "ü", "x" * 1000])
async def test_odd_names_do_not_break_the_format(value: str) -> None:
    metrics = Metrics("0")
    metrics.take(receipt(model=value, alias=value))
    samples = await read(metrics)
    assert total(samples, "litellm_proxy_total_requests_metric_total", requested_model=value) == 1


async def test_the_time_of_a_token_is_that_of_the_answer_by_its_length() -> None:
    metrics = Metrics("0")
    metrics.take(receipt(upstream_seconds=2.0, usage=Usage(output=100)))
    metrics.take(receipt(upstream_seconds=2.0, usage=Usage()))  # nothing to divide by
    samples = await read(metrics)
    name = "litellm_deployment_latency_per_output_token"
    assert total(samples, f"{name}_count", model_id="d1", litellm_model_name="model-of-d1") == 1
    assert total(samples, f"{name}_sum") == pytest.approx(0.02)


async def test_calls_are_counted_in_batches_and_none_is_missing_when_read() -> None:
    metrics = Metrics("1.2.3")
    for number in range(2 * MANY + 5):
        metrics.take(receipt(stream=number % 3 == 0))
        if number % 20 == 0:
            samples = await read(metrics)
            assert total(samples, "litellm_proxy_total_requests_metric_total") == number + 1
    families = [family.name for family in await metrics.read()]
    assert "litellm_proxy_total_requests_metric" in families
    samples = await read(metrics)
    assert total(samples, "litellm_proxy_total_requests_metric_total") == 2 * MANY + 5


async def test_a_counter_and_those_who_count_one_by_one_add_to_the_same_number() -> None:
    metrics = Metrics("1.2.3")
    metrics.answered("chat", 200)
    counter = metrics.counter("chat", 200)
    counter.n += 2
    metrics.answered("chat", 200)
    samples = await read(metrics)
    assert total(samples, "hx_http_answers_total", endpoint="chat", status="200") == 4
