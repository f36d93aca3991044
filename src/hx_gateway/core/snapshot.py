"""The compiled configuration: immutable, swapped whole. What does not compile never replaces it."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from hx_gateway.core.budget import Budget
from hx_gateway.core.facts import Catalogue
from hx_gateway.core.route import Deployment, Node, OnDisconnect, Route
from hx_gateway.core.secret import Secret

CACHED_OPERATIONS = (
    "completion",
    "text_completion",
    "embedding",
    "rerank",
    "responses",
    "anthropic_messages",
    "transcription",
)
# Types of the answer cache under which a prompt only has to be alike.
QDRANT_SEMANTIC = "qdrant-semantic"
REDIS_TYPES = ("redis", "redis-semantic", "valkey-semantic")
SEMANTIC_TYPES = (QDRANT_SEMANTIC, "redis-semantic", "valkey-semantic")


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The edge: where it listens and what it takes. Sizes in bytes, times in seconds."""

    host: str = "127.0.0.1"
    port: int = 4000
    max_request_line: int = 8 * 1024
    max_header_bytes: int = 32 * 1024
    max_header_count: int = 100
    max_header_value: int = 16 * 1024
    header_timeout: float = 10.0
    body_idle_timeout: float = 10.0
    body_timeout: float = 60.0
    keepalive_timeout: float = 75.0
    write_timeout: float = 30.0
    max_body: int = 10 * 1024 * 1024
    max_upload: int = 50 * 1024 * 1024
    max_connections: int = 10_000
    drain_timeout: float = 30.0
    heartbeat_interval: float = 15.0
    tls_cert: Path | None = None
    tls_key: Path | None = None
    cors_origins: tuple[str, ...] = ()
    docs: bool = True


class AuthSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Who may come in. `admin_keys` are the values of `X-HX-Admin-Key`; none means it is refused.

    `key_cache_s`: how long a verified key is served without asking the store again.
    `max_stale_s`: how long it may be served when the store does not answer.
    `master_key_generated`: nobody configured one, so ours from the state directory is used.
    """

    master_key: Secret | None = None
    master_key_generated: bool = False
    admin_keys: tuple[Secret, ...] = ()
    dev: bool = False
    key_header: bytes | None = None
    key_cache_s: float = 60.0
    max_stale_s: float = 300.0
    metrics_need_key: bool = False


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The database. `url` is normalised (`postgresql://`); None means SQLite in the state folder.

    `schema` is the PostgreSQL schema, `pool` the most connections, times in seconds.
    """

    url: Secret | None = None
    schema: str = "public"
    pool: int = 10
    connect_timeout: float = 5.0
    query_timeout: float = 5.0
    prepared_statements: bool = True
    sslmode: str | None = None


class RedisSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Redis or Valkey; None means counters live in the process.

    `url` may name Sentinels (`redis+sentinel://`), which have `sentinel_password`, or nodes of a
    Cluster (`redis+cluster://`). `namespace` begins the names of counters and notes.
    """

    url: Secret | None = None
    timeout: float = 0.5
    max_connections: int = 16
    namespace: str = ""
    sentinel_password: Secret | None = None


class RagSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Document search. `qdrant_url` None: the embedded engine; `dimension` 0: no guard."""

    enabled: bool = True
    qdrant_url: Secret | None = None
    qdrant_api_key: Secret | None = None
    collection: str = "documents"
    embedding_model: str | None = None
    dimension: int = 0
    max_documents: int = 100
    timeout: float = 5.0


class ResponseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Answers of `/v1/responses` that are kept. Times in seconds, sizes in bytes."""

    ttl_s: float = 30 * 86_400.0
    max_bytes: int = 4 * 1024 * 1024
    max_per_owner: int = 1000


class CacheSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The answer cache. `type` None: Redis if there is one, else this process. Times in seconds.

    `scope` None: the tenant, and the key where prompts only have to be alike. `operations` are
    LiteLLM's call types; none of them means that nothing is kept. `groups` are models that give one
    another's answers. `collection`, `embedding_model` and `similarity_threshold` belong to the
    semantic cache. `max_messages` None: 4 there, else any. `wait_s`: how long a call waits for the
    same call under way; `timeout`: for the store.
    """

    enabled: bool = False
    type: str | None = None
    mode: str = "default_on"
    ttl: float = 3600.0
    namespace: str = ""
    operations: tuple[str, ...] = CACHED_OPERATIONS
    groups: tuple[tuple[str, ...], ...] = ()
    scope: str | None = None
    similarity_threshold: float = 0.0
    embedding_model: str | None = None
    embedding_timeout: float = 5.0
    collection: str = "answers"
    max_messages: int | None = None
    folder: Path | None = None
    max_bytes: int = 256 * 1024 * 1024
    max_entry_bytes: int = 1024 * 1024
    timeout: float = 0.1
    wait_s: float = 120.0
    tool_calls: bool = False
    truncated: bool = False
    filtered: bool = False

    @property
    def is_on(self) -> bool:
        """Whether answers are kept at all."""
        return self.enabled and bool(self.operations)

    @property
    def is_semantic(self) -> bool:
        """Whether a prompt only has to be alike."""
        return self.type in SEMANTIC_TYPES

    @property
    def is_on_vectors(self) -> bool:
        """Whether answers are with the vectors of document search."""
        return self.is_on and self.type == QDRANT_SEMANTIC


class RoutingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for all routes (`router_settings`). Times in seconds.

    `cooldown_s` is a second less than LiteLLM's: with the time of the probe, a deployment that has
    recovered is in use again within five.
    """

    strategy: str = "simple-shuffle"
    num_retries: int = 2
    max_attempts: int = 3
    max_fallbacks: int = 5
    allowed_fails: int | None = None
    cooldown_s: float = 4.0
    cooldowns: bool = True
    hang_patience_s: float = 1.0
    retry_after_s: float = 0.0
    pre_call_checks: bool = False
    optional_pre_call_checks: tuple[str, ...] = ()
    tag_filtering: bool = False
    tag_match_any: bool = True
    tag_prefix: str = ""
    affinity_ttl_s: float = 3600.0
    forward_client_headers: bool = False
    default_priority: int = 0
    default_group: str | None = None
    list_wildcards: bool = False
    on_disconnect: OnDisconnect = OnDisconnect()
    unknown_model_status: int = 404
    model_denied_status: int = 403
    timeout_status: int = 504
    strategy_args: Mapping[str, float] = {}


class FleetSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Model servers of one's own. Times in seconds.

    `context`: what to do with a prompt longer than the model's window: warn, refuse, off.
    `poll_s`: how often a node is asked how it is. `queue`: most calls that wait for one model.
    `parallel`: calls of one model that a node works on at once; 0: found out by watching.
    """

    context: str = "warn"
    poll_s: float = 2.0
    queue: int = 100
    queue_timeout: float = 60.0
    parallel: int = 0


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The log: one JSON line an event on standard output."""

    level: str = "INFO"
    access: bool = True


class LocalSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which child processes are wanted: True only when a route or the RAG family uses them."""

    embedding: bool = False
    chat: bool = False
    scripted: bool = False
    vectors: bool = False


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One effective setting for `check`: `value` is masked when it is a secret."""

    path: str
    value: str
    source: str


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the configuration says, ready to use.

    `routes` by exact public name; `wildcards` longest pattern first; `aliases` name to route name,
    of which the hidden ones are in no list. `vendor_names`: how names of a vendor's models begin,
    and its prefix. `catalogue`: what is known of models that wildcards may catch. `nodes` are the
    servers of one's own, as deployments name them.
    `is_embedded`: nobody listed models, so what was found on this machine is offered.
    `generation` counts compiled snapshots of this process from 1; `digest` tells two apart.
    """

    state_dir: Path
    routes: Mapping[str, Route]
    wildcards: tuple[Route, ...] = ()
    aliases: Mapping[str, str] = {}
    hidden_aliases: frozenset[str] = frozenset()
    vendor_names: tuple[tuple[str, str], ...] = ()
    catalogue: Catalogue | None = None
    deployments: Mapping[str, Deployment] = {}
    server: ServerSettings = ServerSettings()
    auth: AuthSettings = AuthSettings()
    store: StoreSettings = StoreSettings()
    redis: RedisSettings = RedisSettings()
    rag: RagSettings = RagSettings()
    responses: ResponseSettings = ResponseSettings()
    cache: CacheSettings = CacheSettings()
    routing: RoutingSettings = RoutingSettings()
    fleet: FleetSettings = FleetSettings()
    nodes: tuple[Node, ...] = ()
    budgets: tuple[Budget, ...] = ()
    log: LogSettings = LogSettings()
    local: LocalSettings = LocalSettings()
    strict: bool = False
    is_embedded: bool = False
    warnings: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()
    sources: tuple[Path, ...] = ()
    generation: int = 1
    digest: str = ""
