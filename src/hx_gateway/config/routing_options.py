"""The settings that hold for all routes; most have a place in LiteLLM's `router_settings`."""

from hx_gateway.config.option import Option

STRATEGIES = (
    "simple-shuffle",
    "least-busy",
    "latency-based-routing",
    "cost-based-routing",
    "usage-based-routing",
    "usage-based-routing-v2",
    "provider-budget-routing",
    "adaptive",
)

ROUTING: tuple[Option, ...] = (
    Option(
        path="routing.strategy",
        doc="How a deployment is chosen.",
        litellm=("router_settings.routing_strategy",),
        choices=STRATEGIES,
    ),
    Option(
        path="routing.num_retries",
        doc="Tries after the first, on one route.",
        env=("DEFAULT_MAX_RETRIES",),
        litellm=("router_settings.num_retries", "litellm_settings.num_retries"),
        low=0,
        high=100,
    ),
    Option(
        path="routing.max_attempts",
        doc="Tries over everything; where more retries are asked for, two more than those.",
        low=1,
        high=100,
    ),
    Option(
        path="routing.max_fallbacks",
        doc="Fallback routes tried for one call.",
        litellm=("router_settings.max_fallbacks", "litellm_settings.max_fallbacks"),
        low=0,
        high=100,
    ),
    Option(
        path="routing.allowed_fails",
        doc="Failures a minute before a deployment is left alone; none: by failure rate.",
        litellm=("router_settings.allowed_fails", "litellm_settings.allowed_fails"),
        low=0,
    ),
    Option(
        path="routing.cooldown_s",
        doc="Seconds a failing deployment is left alone.",
        env=("DEFAULT_COOLDOWN_TIME_SECONDS",),
        litellm=("router_settings.cooldown_time",),
        low=0,
    ),
    Option(path="routing.cooldowns", doc="Leave failing deployments alone at all."),
    Option(
        path="routing.hang_patience_s",
        doc="Least seconds of silence after which a deployment may count as hung, so that calls "
        "move on; 0: never.",
        low=0,
    ),
    Option(
        path="routing.retry_after_s",
        doc="Least seconds between two tries.",
        litellm=("router_settings.retry_after",),
        low=0,
    ),
    Option(
        path="routing.pre_call_checks",
        doc="Skip deployments whose context window or region does not fit the call.",
        litellm=("router_settings.enable_pre_call_checks",),
    ),
    Option(
        path="routing.optional_pre_call_checks",
        doc="`enforce_model_rate_limits` makes rpm and tpm hard limits; `session_affinity`, "
        "`deployment_affinity` and `prompt_caching` keep calls of a session, a key or a kept "
        "prompt at the deployment that answered before. Also by model: "
        "`router_settings.model_group_affinity_config`.",
        litellm=("router_settings.optional_pre_call_checks",),
    ),
    Option(
        path="routing.affinity_ttl_s",
        doc="Seconds a session or a key stays at a deployment.",
        litellm=("router_settings.deployment_affinity_ttl_seconds",),
        low=1,
    ),
    Option(
        path="routing.default_priority",
        doc="Place of calls without a `priority` of their own where calls wait in line: the lowest "
        "number comes first.",
        litellm=("router_settings.default_priority",),
        low=0,
    ),
    Option(
        path="routing.forward_client_headers",
        doc="Send upstreams the `x-` headers of clients, without those that hold credentials or "
        "are a proxy's or the gateway's. By model: "
        "`litellm_settings.model_group_settings.forward_client_headers_to_llm_api`.",
        litellm=("general_settings.forward_client_headers_to_llm_api",),
    ),
    Option(
        path="routing.tag_filtering",
        doc="Choose deployments by the tags of the call. Also `enable_tag_filtering` in the "
        "`model_info` of a model, for its name.",
        litellm=("router_settings.enable_tag_filtering",),
    ),
    Option(
        path="routing.on_disconnect",
        doc="When a client leaves: `cancel` the upstream, or `drain(seconds)`: read its answer on "
        "for that long, for the exact usage. Also `on_disconnect` of a model's `litellm_params`.",
    ),
    Option(
        path="routing.tag_match_any",
        doc="One common tag is enough; off: a deployment must have all tags of the call.",
        litellm=("router_settings.tag_filtering_match_any",),
    ),
    Option(
        path="routing.tag_prefix",
        doc="Only tags of a call that begin with this choose deployments; keys' tags always do.",
        litellm=("router_settings.tag_routing_prefix",),
    ),
    Option(path="routing.default_group", doc="Route of calls that name no model."),
    Option(
        path="routing.unknown_model_status",
        doc="HTTP status for an unknown model; LiteLLM sends 400.",
        low=400,
        high=499,
    ),
    Option(
        path="routing.model_denied_status",
        doc="HTTP status for a model that the key may not use; older LiteLLM sent 401.",
        low=400,
        high=499,
    ),
    Option(
        path="routing.timeout_status",
        doc="HTTP status for an upstream's time-out; LiteLLM sends 408.",
        low=400,
        high=599,
    ),
    Option(
        path="routing.strategy_args",
        doc="Numbers for the strategy (`ttl`, `lowest_latency_buffer` …).",
        litellm=("router_settings.routing_strategy_args",),
    ),
    Option(
        path="routing.list_wildcards",
        doc="`/v1/models` shows wildcards too, unless `return_wildcard_routes` says otherwise.",
        litellm=("general_settings.return_wildcard_routes",),
    ),
)
