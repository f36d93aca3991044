"""The routes that look after the answer cache; paths and answers are LiteLLM's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from hx_gateway.core.http import Response
from hx_gateway.core.principal import Scope
from hx_gateway.core.snapshot import CacheSettings
from hx_gateway.manage.answers import AnswerKeeper
from hx_gateway.web.endpoint import Endpoint, Handler, Visit
from hx_gateway.web.respond import json_response

_Label = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class CacheKeys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Answers by the keys in `x-litellm-cache-key`."""

    keys: Annotated[tuple[_Label, ...], msgspec.Meta(max_length=10_000)]


class CachePing(msgspec.Struct, frozen=True, kw_only=True):
    """The cache works; its settings, without any secret."""

    status: str = "healthy"
    cache_type: str
    ping_response: bool = True
    set_cache_response: str = "success"
    litellm_cache_params: Mapping[str, object]
    health_check_cache_params: Mapping[str, object] = {}


class CacheChange(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for is done."""

    status: str = "success"


class RedisInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The Redis in which answers are kept, in its own words: `INFO` and `CLIENT LIST`."""

    num_clients: int
    clients: tuple[Mapping[str, str], ...]
    info: Mapping[str, object]


class CacheField(msgspec.Struct, frozen=True, kw_only=True):
    """One setting of the answer cache."""

    field_name: str
    field_value: object
    field_default: object


class CacheView(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of the answer cache that hold; they are changed in the configuration."""

    fields: tuple[CacheField, ...]
    current_values: Mapping[str, object]


class CacheRoutes:
    """Handlers of the cache routes."""

    def __init__(self, keeper: AnswerKeeper) -> None:
        """Keep the use-cases."""
        self._keeper = keeper

    async def ping(self, _visit: Visit) -> Response:
        """Keep an answer and get it back; 503 when that fails or nothing is kept at all."""
        await self._keeper.ping()
        settings = self._keeper.settings
        shown = ("type", "mode", "ttl", "namespace", "scope", "similarity_threshold")
        params: dict[str, object] = {name: getattr(settings, name) for name in shown}
        params["supported_call_types"] = settings.operations
        return json_response(
            CachePing(cache_type=settings.type or "local", litellm_cache_params=params)
        )

    async def redis_info(self, _visit: Visit) -> Response:
        """Say how the Redis is; 503 when answers are not there, or it does not answer."""
        found = await self._keeper.describe()
        return json_response(
            RedisInfo(num_clients=len(found.clients), clients=found.clients, info=found.facts)
        )

    async def settings(self, _visit: Visit) -> Response:
        """Show the settings; none of them is secret."""
        now = _shown(self._keeper.settings)
        usual = _shown(CacheSettings())
        fields = tuple(
            CacheField(field_name=name, field_value=value, field_default=usual[name])
            for name, value in now.items()
        )
        return json_response(CacheView(fields=fields, current_values=now))

    async def delete(self, visit: Visit) -> Response:
        """Remove answers; those that are gone already are no mistake."""
        body: CacheKeys = visit.body
        await self._keeper.delete(body.keys)
        return json_response(CacheChange())

    async def flush(self, _visit: Visit) -> Response:
        """Remove all answers of this gateway."""
        await self._keeper.flush()
        return json_response(CacheChange())


def _shown(settings: CacheSettings) -> dict[str, object]:
    """Give the settings by LiteLLM's names where they are its own; a path is shown as text."""
    values = msgspec.structs.asdict(settings)
    values["supported_call_types"] = values.pop("operations")
    return {n: str(v) if isinstance(v, Path) else v for n, v in values.items()}


def endpoints(keeper: AnswerKeeper) -> tuple[Endpoint, ...]:
    """Make the endpoints of the family."""
    routes = CacheRoutes(keeper)
    return (
        _endpoint("GET", "ping", routes.ping, "Does the answer cache work?", CachePing),
        _endpoint(
            "GET", "redis/info", routes.redis_info, "How is the Redis with the answers?", RedisInfo
        ),
        _endpoint(
            "GET",
            "settings",
            routes.settings,
            "Show the settings of the answer cache",
            CacheView,
            errors=(),
        ),
        _endpoint(
            "POST", "delete", routes.delete, "Remove kept answers", CacheChange, body=CacheKeys
        ),
        _endpoint("POST", "flushall", routes.flush, "Remove all kept answers", CacheChange),
    )


def _endpoint(  # the parts of one line of the table above
    method: str,
    verb: str,
    handler: Handler,
    summary: str,
    answer: type,
    body: type | None = None,
    errors: tuple[int, ...] = (503,),
) -> Endpoint:
    return Endpoint(
        method=method,
        path=f"/cache/{verb}",
        scope=Scope.ADMIN,
        handler=handler,
        name=f"{verb.replace('/', '_')}_cache",
        summary=summary,
        tag="cache",
        body=body,
        answer=answer,
        errors=errors,
    )
