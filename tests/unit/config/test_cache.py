from pathlib import Path

import pytest
from tests.support.configs import check, node, variables

from hx_gateway.config.cache import is_semantic, judge_cache
from hx_gateway.config.embedded import Found
from hx_gateway.config.report import Place, Report
from hx_gateway.config.settings import Choices, choose
from hx_gateway.core.secret import Secret

NEAR_REDIS = (
    "litellm_settings: {cache: true, "
    "cache_params: {type: %s-semantic, similarity_threshold: 0.9, default_in_redis_ttl: 7}}"
)
NEAR = "litellm_settings: {cache: true, cache_params: {type: qdrant-semantic%s}}"


def judged(text: str, *, redis: bool = False) -> tuple[Choices, Report]:
    report = Report()
    choices = choose(node(text), variables(), report)
    if redis:
        choices.put("redis.url", "redis://h", Place("here"))
    judge_cache(node(text), choices, report)
    return choices, report


def test_nothing_is_kept_unless_it_is_asked_for() -> None:
    choices, report = judged("litellm_settings: {cache_params: {type: s3}}")
    assert choices["cache.enabled"].value is False
    assert report.warnings == report.problems == []


@pytest.mark.parametrize(
    ("text", "redis", "type_"),
    [
        ("litellm_settings: {cache: true}", False, "local"),
        ("litellm_settings: {cache: true}", True, "redis"),
        ("litellm_settings: {cache: true, cache_params: {type: local}}", True, "local"),
        ("litellm_settings: {cache: true, cache_params: {type: disk}}", False, "disk"),
        ("hx: {cache: {enabled: true, type: redis}}", True, "redis"),
        (NEAR_REDIS % "redis", True, "redis-semantic"),
        (NEAR_REDIS % "valkey", True, "valkey-semantic"),
    ],
)
def test_the_type_is_what_was_said_else_redis_if_there_is_one(
    text: str, type_: str, *, redis: bool
) -> None:
    choices, report = judged(text, redis=redis)
    assert choices["cache.type"].value == type_
    assert report.problems == []


@pytest.mark.parametrize("redis", [True, False])
@pytest.mark.parametrize("type_", ["s3", "gcs", "azure-blob"])
def test_instead_of_a_bucket_answers_are_in_redis_or_on_disk(type_: str, *, redis: bool) -> None:
    """The cache was off with them."""
    text = f"litellm_settings: {{cache: true, cache_params: {{type: {type_}}}}}"
    choices, report = judged(text, redis=redis)
    instead = "redis" if redis else "disk"
    assert (choices["cache.enabled"].value, choices["cache.type"].value) == (True, instead)
    (warning,) = report.warnings
    assert all(word in warning for word in ("cache_params.type", type_, instead))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("litellm_settings: {cache: true, cache_params: {type: tape}}", "must be one of local"),
        ("litellm_settings: {cache: true, cache_params: {type: redis}}", "REDIS_URL"),
        (
            "litellm_settings: {cache: true, cache_params: {supported_call_types: [talk]}}",
            "'talk' is unknown",
        ),
        (
            "litellm_settings: {cache: true, cache_params: {default_in_memory_ttl: 0}}",
            "at least 1",
        ),
        (NEAR % "", "similarity_threshold"),
        (NEAR_REDIS % "redis", "REDIS_URL"),
    ],
)
def test_what_cannot_work_is_a_problem(text: str, said: str) -> None:
    _, report = judged(text)
    (problem,) = report.problems
    assert said in problem


def test_call_types_are_taken_in_both_forms() -> None:
    choices, report = judged(
        "litellm_settings: {cache: true, cache_params: {supported_call_types: "
        "[acompletion, completion, anthropic_messages, aembedding, atranscription]}}"
    )
    names = ("completion", "anthropic_messages", "embedding", "transcription")
    assert choices["cache.operations"].value == names
    assert report.warnings == report.problems == []


def test_an_empty_list_keeps_nothing() -> None:
    choices, report = judged(
        "litellm_settings: {cache: true, cache_params: {supported_call_types: []}}"
    )
    assert choices["cache.operations"].value == ()
    assert report.problems == []


@pytest.mark.parametrize(
    ("params", "redis", "ttl"),
    [
        ("ttl: 60", False, 60),
        ("ttl: 60, default_in_memory_ttl: 5", False, 5),
        ("ttl: 60, default_in_redis_ttl: 7", False, 60),
        ("ttl: 60, default_in_redis_ttl: 7", True, 7),
    ],
)
def test_the_life_time_of_the_kind_of_store_wins(params: str, ttl: float, *, redis: bool) -> None:
    choices, _ = judged(
        f"litellm_settings: {{cache: true, cache_params: {{{params}}}}}", redis=redis
    )
    assert choices["cache.ttl"].value == ttl


def test_our_own_setting_of_the_life_time_wins_over_all() -> None:
    choices, _ = judged(
        "{litellm_settings: {cache: true, cache_params: {default_in_memory_ttl: 5}}, "
        "hx: {cache: {ttl: 9}}}"
    )
    assert choices["cache.ttl"].value == 9


def test_semantic_means_on_and_of_that_type() -> None:
    assert is_semantic(judged(NEAR % ", similarity_threshold: 0.9")[0])
    assert not is_semantic(judged("litellm_settings: {cache: true}")[0])
    assert not is_semantic(judged("hx: {cache: {type: qdrant-semantic}}")[0])


def test_a_semantic_cache_brings_vectors_and_an_embedding_model(tmp_path: Path) -> None:
    text = NEAR % ", similarity_threshold: 0.9" + "\nhx: {rag: {enabled: false}}"
    snapshot = check(tmp_path, text).snapshot
    assert snapshot is not None
    assert snapshot.local.vectors
    assert snapshot.local.embedding
    assert snapshot.cache.embedding_model in snapshot.routes


def test_without_any_embedding_model_it_is_refused(tmp_path: Path) -> None:
    result = check(tmp_path, NEAR % ", similarity_threshold: 0.9", found=Found())
    assert any("needs an embedding model" in problem for problem in result.problems)


def test_an_unknown_embedding_model_is_refused(tmp_path: Path) -> None:
    text = NEAR % ", similarity_threshold: 0.9, qdrant_semantic_cache_embedding_model: none"
    result = check(tmp_path, text)
    assert any("'none' is no configured model" in problem for problem in result.problems)


@pytest.mark.parametrize(
    ("url", "warnings"), [("redis://h", 0), ("redis://h/0", 0), ("redis://h/2", 1)]
)
def test_a_database_that_search_modules_do_not_know_is_warned_of(url: str, warnings: int) -> None:
    root, report = node(NEAR_REDIS % "redis"), Report()
    choices = choose(root, variables(), report)
    choices.put("redis.url", Secret(url), Place("here"))
    judge_cache(root, choices, report)
    assert [("database 0" in warning) for warning in report.warnings] == [True] * warnings


def test_groups_are_lists_of_models_and_unknown_ones_are_named(tmp_path: Path) -> None:
    text = "litellm_settings: {cache: true}\nrouter_settings: {caching_groups: [[demo, none]]}"
    result = check(tmp_path, text)
    assert result.snapshot is not None
    assert result.snapshot.cache.groups == (("demo", "none"),)
    (warning,) = (one for one in result.warnings if "'none'" in one)
    assert "shares no answers" in warning


def test_groups_that_are_no_lists_are_a_problem() -> None:
    _, report = judged("{litellm_settings: {cache: true}, router_settings: {caching_groups: a}}")
    assert any("list of lists" in problem for problem in report.problems)


@pytest.mark.parametrize(
    ("url", "problem", "warning"),
    [
        ("redis://h:6379/0", False, False),
        ("redis://h:6379/1", False, True),
        ("redis+sentinel://h:26379/main/0", False, False),
        ("redis+sentinel://h:26379/main/1", False, True),
        ("redis+cluster://h:6379", True, False),
    ],
)
def test_to_look_up_by_meaning_takes_database_0_of_one_server(
    url: str, problem: bool, warning: bool
) -> None:
    report = Report()
    text = NEAR_REDIS % "redis"
    choices = choose(node(text), variables(), report)
    choices.put("redis.url", Secret(url), Place("here"))
    judge_cache(node(text), choices, report)
    assert (bool(report.problems), bool(report.warnings)) == (problem, warning)
