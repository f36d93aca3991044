"""The settings of the answer cache; most have a place in LiteLLM's `cache_params`."""

from hx_gateway.config.option import Option

_PARAMS = "litellm_settings.cache_params"
_DATABASES = ("qdrant", "redis", "valkey")

CACHE: tuple[Option, ...] = (
    Option(
        path="cache.enabled",
        doc="Keep answers and give them again.",
        litellm=("litellm_settings.cache",),
    ),
    Option(
        path="cache.type",
        doc="Where: `local` (this process), `redis`, `disk`; by meaning: `qdrant-semantic` (on "
        "Qdrant or the embedded engine), `redis-semantic` or `valkey-semantic` (on their search "
        "module); none: Redis if there is one, else `local`.",
        litellm=(f"{_PARAMS}.type",),
    ),
    Option(
        path="cache.mode",
        doc="`default_off` serves only requests that say `use-cache`.",
        litellm=(f"{_PARAMS}.mode",),
        choices=("default_on", "default_off"),
    ),
    Option(
        path="cache.ttl",
        doc="Seconds an answer is kept, give or take a tenth. Also LiteLLM's "
        "`default_in_memory_ttl` and `default_in_redis_ttl`.",
        litellm=(f"{_PARAMS}.ttl",),
        low=1,
    ),
    Option(
        path="cache.namespace",
        doc="Keeps gateways that share a Redis, or a folder, apart.",
        litellm=(f"{_PARAMS}.namespace",),
    ),
    Option(
        path="cache.operations",
        doc="What is kept, in LiteLLM's words; an empty list keeps nothing.",
        litellm=(f"{_PARAMS}.supported_call_types",),
    ),
    Option(
        path="cache.groups",
        doc="Lists of models that give one another's answers.",
        litellm=("router_settings.caching_groups",),
    ),
    Option(
        path="cache.scope",
        doc="Who shares answers, within a tenant; none: the tenant, and `key` where answers are "
        "found by meaning.",
        litellm=(f"{_PARAMS}.semantic_cache_scope",),
        choices=("tenant", "team", "key", "end_user"),
    ),
    Option(
        path="cache.similarity_threshold",
        doc="How alike two prompts must be (cosine); needed to look up by meaning.",
        litellm=(f"{_PARAMS}.similarity_threshold",),
        low=0,
        high=1,
    ),
    Option(
        path="cache.embedding_model",
        doc="Route that embeds prompts; none: that of document search.",
        litellm=tuple(f"{_PARAMS}.{db}_semantic_cache_embedding_model" for db in _DATABASES),
    ),
    Option(
        path="cache.embedding_timeout",
        doc="Seconds to look up by meaning, all in all; then the model is asked.",
        env=("SEMANTIC_CACHE_EMBEDDING_TIMEOUT_SECONDS",),
        litellm=(f"{_PARAMS}.semantic_cache_embedding_timeout",),
        low=0.01,
    ),
    Option(
        path="cache.collection",
        doc="Collection of answers; in Redis, part of the names of keys and index.",
        litellm=(
            f"{_PARAMS}.qdrant_collection_name",
            f"{_PARAMS}.redis_semantic_cache_index_name",
            f"{_PARAMS}.valkey_semantic_cache_index_name",
        ),
    ),
    Option(
        path="cache.max_messages",
        doc="Longer conversations are not kept; none: 4 by meaning, else any.",
        litellm=(f"{_PARAMS}.max_messages",),
        low=1,
    ),
    Option(
        path="cache.folder",
        doc="Folder of `disk`; none: `answers` in the state directory.",
        litellm=(f"{_PARAMS}.disk_cache_dir",),
    ),
    Option(
        path="cache.max_bytes",
        doc="Bytes that `local` and `disk` may take; the answer unused for longest goes first.",
        low=1 << 20,
        high=1 << 40,
    ),
    Option(
        path="cache.max_entry_bytes",
        doc="Larger answers are not kept.",
        low=1024,
        high=1 << 26,
    ),
    Option(
        path="cache.timeout",
        doc="Seconds until Redis counts as away.",
        litellm=(f"{_PARAMS}.socket_timeout",),
        low=0.01,
        high=60,
    ),
    Option(
        path="cache.wait_s",
        doc="Seconds a request waits for an equal one under way; then it asks for itself.",
        low=0,
    ),
    Option(path="cache.tool_calls", doc="Keep answers that call tools."),
    Option(path="cache.truncated", doc="Keep answers that were cut off at the token limit."),
    Option(path="cache.filtered", doc="Keep refusals and what a content filter has cut."),
)
