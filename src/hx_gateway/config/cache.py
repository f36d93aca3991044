"""Judge the settings of the answer cache: what LiteLLM has and we do not, what belongs together."""

from hx_gateway.config.document import Node
from hx_gateway.config.redis_url import database_of, is_cluster
from hx_gateway.config.report import Place, Report
from hx_gateway.config.settings import Choices
from hx_gateway.core.secret import Secret
from hx_gateway.core.snapshot import (
    CACHED_OPERATIONS,
    QDRANT_SEMANTIC,
    REDIS_TYPES,
    SEMANTIC_TYPES,
)

TYPES = ("local", "disk", "redis", *SEMANTIC_TYPES)
_PARAMS = "litellm_settings.cache_params"
# LiteLLM's other stores. Off would be what nobody asked for; these too outlive the process.
_FOREIGN = frozenset({"s3", "gcs", "azure-blob"})
_OWN_TTL = {"local": "default_in_memory_ttl"} | dict.fromkeys(REDIS_TYPES, "default_in_redis_ttl")


def is_semantic(choices: Choices) -> bool:
    """Whether answers are looked up by meaning, so that an embedding model is needed."""
    return choices["cache.enabled"].value is True and choices["cache.type"].value in SEMANTIC_TYPES


def is_on_vectors(choices: Choices) -> bool:
    """Whether answers are kept by the vector engine."""
    return is_semantic(choices) and choices["cache.type"].value == QDRANT_SEMANTIC


def judge_cache(root: Node, choices: Choices, report: Report) -> None:
    """Complete the settings of the cache and report what does not fit; nothing when it is off."""
    if choices["cache.enabled"].value is not True:
        return
    _judge_type(choices, report)
    _judge_operations(choices, report)
    _choose_ttl(root, choices, report)
    if is_semantic(choices) and not choices["cache.similarity_threshold"].is_set:
        text = "is needed to look up by meaning: how alike two prompts must be, such as 0.9"
        report.problem(choices["cache.type"].place, f"{_PARAMS}.similarity_threshold", text)


def _judge_type(choices: Choices, report: Report) -> None:
    type_, has_redis = choices["cache.type"], choices["redis.url"].value is not None
    if type_.value is None:
        choices.put_unless_set(
            "cache.type", "redis" if has_redis else "local", Place("whether there is a Redis")
        )
    elif type_.value in _FOREIGN:
        instead = "redis" if has_redis else "disk"
        text = (
            f"{type_.value} is not supported: answers are kept in `{instead}`, nothing in a bucket"
        )
        report.warning(type_.place, f"{_PARAMS}.type", text)
        choices.put("cache.type", instead, type_.place)
    elif type_.value not in TYPES:
        report.problem(type_.place, f"{_PARAMS}.type", f"must be one of {', '.join(TYPES)}")
    elif type_.value in REDIS_TYPES and not has_redis:
        text = f"{type_.value} needs a Redis; set REDIS_URL or cache_params.host, or take `local`"
        report.problem(type_.place, f"{_PARAMS}.type", text)
    elif type_.value in REDIS_TYPES and is_semantic(choices):
        _judge_database(choices, report)


def _judge_database(choices: Choices, report: Report) -> None:
    """Say that search modules look at database 0 of one server; elsewhere they find nothing."""
    url = choices["redis.url"]
    text = url.value.reveal() if isinstance(url.value, Secret) else ""
    if is_cluster(text):
        type_ = choices["cache.type"]
        text = (
            f"{type_.value} needs one Redis, or Sentinels: the search modules look at one server. "
            "For a Cluster, take `redis` or `qdrant-semantic`"
        )
        report.problem(type_.place, f"{_PARAMS}.type", text)
    elif database_of(text) != 0:
        text = "search modules of Redis know database 0 only; equal questions are found, no others"
        report.warning(url.place, f"{_PARAMS}.type", text)


def _judge_operations(choices: Choices, report: Report) -> None:
    """Take LiteLLM's names, each of which also has a form for asynchronous code (`acompletion`)."""
    chosen = choices["cache.operations"]
    if not chosen.is_set or not isinstance(chosen.value, tuple):
        return
    names: list[str] = []
    for given in chosen.value:
        name = given if given in CACHED_OPERATIONS else given.removeprefix("a")
        path = f"{_PARAMS}.supported_call_types"
        if name not in CACHED_OPERATIONS:
            text = f"{given!r} is unknown; known are {', '.join(CACHED_OPERATIONS)}"
            report.problem(chosen.place, path, text)
        elif name not in names:
            names.append(name)
    choices.put("cache.operations", tuple(names), chosen.place)


def _choose_ttl(root: Node, choices: Choices, report: Report) -> None:
    """Let LiteLLM's life time for one kind of store win over the general one, as it does there."""
    name = _OWN_TTL.get(str(choices["cache.type"].value))
    node = root.find(f"{_PARAMS}.{name}") if name is not None else None
    if node is None or root.find("hx.cache.ttl") is not None:
        return
    if isinstance(node.value, bool) or not isinstance(node.value, int | float) or node.value < 1:
        report.problem(node.place, f"{_PARAMS}.{name}", "must be a number of at least 1")
    else:
        choices.put("cache.ttl", float(node.value), node.place)
