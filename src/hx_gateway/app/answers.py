"""Open the store of the answer cache, and put the cache of one snapshot together."""

from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from hx_gateway.app.embedder import PipelineEmbedder
from hx_gateway.app.parts import Parts
from hx_gateway.cache.answers import AnswerCache
from hx_gateway.cache.exact import ExactShelf, Shelf
from hx_gateway.cache.near import NearShelf
from hx_gateway.cache.near_vectors import VectorAnswers
from hx_gateway.core.answers import Answers, NearAnswers
from hx_gateway.core.clock import Clock
from hx_gateway.core.ports import Vectors
from hx_gateway.core.route import Route
from hx_gateway.core.snapshot import REDIS_TYPES, RedisSettings, Snapshot
from hx_gateway.pipeline.cached import CachedAnswers
from hx_gateway.pipeline.handle import Pipeline
from hx_gateway.routing.table import Table
from hx_gateway.store.answers_disk import DiskAnswers
from hx_gateway.store.answers_process import ProcessAnswers

if TYPE_CHECKING:
    from hx_gateway.store.answers_near_redis import RedisNearAnswers
    from hx_gateway.store.answers_redis import RedisAnswers

_NEAR_REDIS = "hx_gateway.store.answers_near_redis"


def open_answers(snapshot: Snapshot, clock: Clock) -> Answers | None:
    """Open the store without waiting for it; None when nothing is kept by name."""
    cache = snapshot.cache
    if not cache.is_on or cache.is_semantic:
        return None
    if cache.type == "redis":
        made: RedisAnswers = import_module("hx_gateway.store.answers_redis").RedisAnswers(
            _as_patient(snapshot), cache.namespace, clock
        )
        return made
    if cache.type == "disk":
        folder = cache.folder or snapshot.state_dir / "answers"
        return DiskAnswers(folder / quote(cache.namespace, safe=""), clock, cache.max_bytes)
    return ProcessAnswers(clock, cache.max_bytes)


def _as_patient(snapshot: Snapshot) -> RedisSettings:
    """Give the way to Redis with the patience of the answer cache."""
    return msgspec.structs.replace(snapshot.redis, timeout=snapshot.cache.timeout)


def open_near(snapshot: Snapshot, clock: Clock) -> "RedisAnswers | None":
    """Open the Redis in which answers are found by meaning; None when they are not there."""
    cache = snapshot.cache
    if not cache.is_on or not cache.is_semantic or cache.type not in REDIS_TYPES:
        return None
    made: RedisAnswers = import_module("hx_gateway.store.answers_redis").RedisAnswers(
        _as_patient(snapshot),
        cache.namespace,
        clock,
        kind=import_module(_NEAR_REDIS).kind_of(cache.collection),
    )
    return made


def near_answers(
    snapshot: Snapshot, redis: "RedisAnswers | None", vectors: Vectors | None, clock: Clock
) -> NearAnswers | None:
    """Give the store in which answers are found by meaning, if there is one.

    One for each snapshot: another embedding model has vectors of its own.
    """
    cache = snapshot.cache
    model = cache.embedding_model or ""
    if redis is not None:
        made: RedisNearAnswers = import_module(_NEAR_REDIS).RedisNearAnswers(redis, model, clock)
        return made
    if vectors is None or not cache.is_on_vectors:
        return None
    return VectorAnswers(vectors, cache.collection, model, clock)


def assemble_cache(snapshot: Snapshot, parts: Parts, uncached: Pipeline) -> CachedAnswers | None:
    """Put the cache of a snapshot together; `uncached` embeds prompts. None when it is off."""
    shelf = _shelf(snapshot, parts, uncached) if snapshot.cache.is_on else None
    if shelf is None:
        return None
    cache = AnswerCache(
        snapshot.cache,
        shelf,
        parts.clock,
        parts.random,
        heeds_origin=snapshot.routing.tag_filtering or snapshot.routing.pre_call_checks,
        groups=_groups(snapshot),
    )
    return CachedAnswers(cache, parts.clock, parts.random)


def _groups(snapshot: Snapshot) -> list[list[Route]]:
    """Find the routes that share their answers."""
    table = Table(snapshot)
    named = [[table.get(name) for name in group] for group in snapshot.cache.groups]
    return [[route for route in routes if route is not None] for routes in named]


def _shelf(snapshot: Snapshot, parts: Parts, uncached: Pipeline) -> Shelf | None:
    if parts.answers is not None:
        return ExactShelf(parts.answers)
    near = near_answers(snapshot, parts.near, parts.vectors, parts.clock)
    if near is None:
        return None
    model = snapshot.cache.embedding_model
    embedder = PipelineEmbedder(uncached, model, parts.clock, alias="answer cache")
    return NearShelf(near, embedder, snapshot.cache)
