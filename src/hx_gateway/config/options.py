"""Every setting of our own, as one table: where it may be set, what it takes, what it does.

The types and defaults are those of `core/snapshot.py`. Loading, `check` and the generated reference
all read this table, so none of them can know a setting that another one does not.
"""

from hx_gateway.config.cache_options import CACHE
from hx_gateway.config.option import Option
from hx_gateway.config.routing_options import ROUTING

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_SERVER = (
    Option(path="server.host", doc="Address to listen on.", env=("HOST",), early=True),
    Option(
        path="server.port",
        doc="TCP port to listen on; 0 lets the system choose.",
        env=("PORT",),
        early=True,
        low=0,
        high=65535,
    ),
    Option(
        path="server.max_request_line",
        doc="Longest request line in bytes.",
        low=64,
        high=1 << 20,
    ),
    Option(
        path="server.max_header_bytes",
        doc="All headers together in bytes.",
        low=256,
        high=1 << 20,
    ),
    Option(path="server.max_header_count", doc="Most headers.", low=1, high=10_000),
    Option(
        path="server.max_header_value",
        doc="Longest header value in bytes.",
        low=64,
        high=1 << 20,
    ),
    Option(path="server.header_timeout", doc="Seconds until the head must be there.", low=0.1),
    Option(
        path="server.body_idle_timeout",
        doc="Seconds without a byte of an announced body.",
        low=0.1,
    ),
    Option(path="server.body_timeout", doc="Seconds until a body must be there.", low=0.1),
    Option(
        path="server.keepalive_timeout",
        doc="Seconds an idle client connection is kept.",
        env=("KEEPALIVE_TIMEOUT",),
        low=0,
    ),
    Option(path="server.write_timeout", doc="Seconds a client may refuse to read.", low=0.1),
    Option(
        path="server.max_body",
        doc="Largest JSON body in bytes.",
        litellm=("general_settings.max_request_size_mb",),
        scale=1024 * 1024,
        low=1024,
        high=1 << 31,
    ),
    Option(path="server.max_upload", doc="Largest uploaded file in bytes.", low=1024, high=1 << 36),
    Option(path="server.max_connections", doc="Most client connections.", low=1, high=1_000_000),
    Option(path="server.drain_timeout", doc="Seconds live streams may end after SIGTERM.", low=0),
    Option(
        path="server.heartbeat_interval",
        doc="Seconds between comments on a silent stream; 0 switches them off.",
        low=0,
    ),
    Option(
        path="server.tls_cert",
        doc="Certificate chain (PEM); with the key, the port speaks TLS.",
        env=("SSL_CERTFILE_PATH",),
        early=True,
    ),
    Option(path="server.tls_key", doc="Private key (PEM).", env=("SSL_KEYFILE_PATH",), early=True),
    Option(
        path="server.cors_origins",
        doc="Origins of browsers that may call; `*` is any.",
        env=("LITELLM_CORS_ORIGINS",),
    ),
    Option(path="server.docs", doc="Serve `/docs` and OpenAPI.", off_env=("NO_DOCS",)),
)


_AUTH = (
    Option(
        path="auth.master_key",
        doc="The key that may do everything; at least 32 characters.",
        env=("LITELLM_MASTER_KEY", "HX_MASTER_KEY", "MASTER_KEY"),
        litellm=("general_settings.master_key",),
        agree=True,
    ),
    Option(
        path="auth.admin_keys",
        doc="Values of `X-HX-Admin-Key` that may write documents; none: the header is refused.",
        env=("ADMIN_KEYS", "ADMIN_KEY", "RAG_WRITE_KEY"),
        agree=True,
    ),
    Option(
        path="auth.key_header",
        doc="A further header in which the key may come.",
        litellm=("general_settings.litellm_key_header_name",),
    ),
    Option(
        path="auth.key_cache_s",
        doc="Seconds a verified key is served without asking the store.",
        litellm=("general_settings.user_api_key_cache_ttl",),
        low=0,
    ),
    Option(
        path="auth.max_stale_s",
        doc="Seconds a verified key is served while the store does not answer.",
        low=0,
    ),
    Option(
        path="auth.metrics_need_key",
        doc="`/metrics` needs a key.",
        litellm=("litellm_settings.require_auth_for_metrics_endpoint",),
    ),
)


_STORE = (
    Option(
        path="store.url",
        doc="Database: `postgresql://…` in any dialect, or `sqlite:///file`; none: SQLite in "
        "the state directory. Also `DATABASE_HOST`, `_PORT`, `_USERNAME`, `_PASSWORD`, "
        "`_NAME`, `_SCHEMA`.",
        env=("DATABASE_URL",),
        litellm=("general_settings.database_url",),
        agree=True,
    ),
    Option(
        path="store.schema",
        doc="PostgreSQL schema (URL parameter `schema`).",
        env=("DATABASE_SCHEMA",),
    ),
    Option(
        path="store.pool",
        doc="Most database connections (URL parameter `connection_limit`).",
        litellm=("general_settings.database_connection_pool_limit",),
        low=1,
        high=10_000,
    ),
    Option(
        path="store.connect_timeout",
        doc="Seconds to connect (URL parameter `connect_timeout`).",
        litellm=("general_settings.database_connect_timeout",),
        low=0.1,
    ),
    Option(
        path="store.query_timeout",
        doc="Seconds for one statement (URL parameter `socket_timeout`).",
        litellm=("general_settings.database_socket_timeout",),
        low=0.1,
    ),
    Option(
        path="store.prepared_statements",
        doc="Off behind a transaction pooler (URL parameter `pgbouncer=true`).",
    ),
    Option(
        path="store.sslmode",
        doc="TLS to the database (URL parameter `sslmode`).",
        choices=("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    ),
)


_REDIS = (
    Option(
        path="redis.url",
        doc="Redis or Valkey for counters shared by several processes. Also `REDIS_HOST`, "
        "`_PORT`, `_PASSWORD`, `_USERNAME`, `_SSL`, `_DB`; Sentinels by `REDIS_SENTINEL_NODES` and "
        "`REDIS_SERVICE_NAME`, a Cluster by `REDIS_CLUSTER_NODES`.",
        env=("REDIS_URL",),
        litellm=(
            "router_settings.redis_url",
            "litellm_settings.cache_params.url",
            "litellm_settings.cache_params.redis_url",
        ),
        agree=True,
    ),
    Option(
        path="redis.timeout",
        doc="Seconds until Redis counts as away.",
        litellm=("litellm_settings.cache_params.socket_timeout",),
        low=0.01,
    ),
    Option(
        path="redis.max_connections",
        doc="Connections of a process to each server, for counters and for answers; more commands "
        "at once wait for one.",
        env=("REDIS_MAX_CONNECTIONS",),
        litellm=("litellm_settings.cache_params.max_connections",),
        low=1,
        high=10_000,
    ),
    Option(
        path="redis.namespace",
        doc="Keeps gateways that share a Redis apart: the names of all keys but those of answers "
        "begin with it, followed by a colon.",
        litellm=("litellm_settings.cache_params.namespace",),
    ),
    Option(
        path="redis.sentinel_password",
        doc="Password of the Sentinels.",
        env=("REDIS_SENTINEL_PASSWORD",),
        litellm=("litellm_settings.cache_params.sentinel_password",),
    ),
)


_RAG = (
    Option(path="rag.enabled", doc="Serve `/v1/rag/…`.", env=("ENABLE_RAG",)),
    Option(
        path="rag.qdrant_url",
        doc="Qdrant server; none: the embedded engine.",
        env=("QDRANT_URL", "QDRANT_API_BASE"),
        litellm=("litellm_settings.cache_params.qdrant_api_base",),
        agree=True,
    ),
    Option(
        path="rag.qdrant_api_key",
        doc="Key for Qdrant.",
        env=("QDRANT_API_KEY",),
        litellm=("litellm_settings.cache_params.qdrant_api_key",),
    ),
    Option(path="rag.collection", doc="Collection of documents.", env=("QDRANT_COLLECTION",)),
    Option(
        path="rag.embedding_model",
        doc="Route that embeds; none: the first embedding model, else the local one.",
        env=("EMBEDDING_MODEL",),
    ),
    Option(
        path="rag.dimension",
        doc="Vectors must have this many numbers; 0: no guard.",
        env=("EMBEDDING_DIM",),
        low=0,
        high=65536,
    ),
    Option(path="rag.max_documents", doc="Most documents in one upsert.", low=1, high=10_000),
    Option(path="rag.timeout", doc="Seconds for one question to the vector store.", low=0.1),
)


_RESPONSES = (
    Option(
        path="responses.ttl_s",
        doc="Seconds an answer of `/v1/responses` is kept for a follow-up; 0 keeps none.",
        low=0,
    ),
    Option(
        path="responses.max_bytes",
        doc="Largest conversation that is kept, with its answer, in bytes.",
        low=1024,
        high=1 << 28,
    ),
    Option(
        path="responses.max_per_owner",
        doc="Most answers kept for one user (or key without a user); the oldest go first.",
        low=1,
        high=1_000_000,
    ),
)


_FLEET = (
    Option(
        path="fleet.context",
        doc="A prompt longer than the model's window on its node: warn in a header, refuse, off.",
        choices=("warn", "refuse", "off"),
    ),
    Option(path="fleet.poll_s", doc="Seconds between two looks at a node.", low=0.1, high=3600),
    Option(path="fleet.queue", doc="Most calls that wait for one model.", low=0, high=100_000),
    Option(path="fleet.queue_timeout", doc="Seconds a call waits for a node.", low=0),
    Option(
        path="fleet.parallel",
        doc="Calls of one model a node works on at once (its OLLAMA_NUM_PARALLEL); 0: learned.",
        low=0,
        high=1024,
    ),
)


_LOG = (
    Option(path="log.level", doc="Least severe level shown.", env=("LITELLM_LOG",), choices=LEVELS),
    Option(path="log.access", doc="One line for each request."),
)


OPTIONS: tuple[Option, ...] = (
    *_SERVER,
    *_AUTH,
    *_STORE,
    *_REDIS,
    *_RAG,
    *CACHE,
    *_RESPONSES,
    *ROUTING,
    *_FLEET,
    *_LOG,
)
