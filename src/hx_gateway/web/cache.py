"""The routes that look after the answer cache; paths and answers are LiteLLM's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from hx_gateway.core.errors import Conflict, DependencyError
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


class CacheWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings as somebody wants them, by the names that `GET /cache/settings` has."""

    cache_settings: Mapping[str, object]


class CacheSaved(msgspec.Struct, frozen=True, kw_only=True):
    """The settings hold, as they did before."""

    message: str = "The cache is configured like that."
    status: str = "success"
    settings: Mapping[str, object]


class CacheTested(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the store of the configured cache answers: `success` or `failed`."""

    status: str
    message: str
    error: str | None = None


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

    async def save(self, visit: Visit) -> Response:
        """Agree to settings that hold already; 409 for others, which only a configuration has.

        Whoever could set them by a request would choose where the gateway connects, and the next
        reload would undo it.
        """
        now = _shown(self._keeper.settings)
        wanted: CacheWanted = visit.body
        if others := _others(wanted.cache_settings, now):
            raise Conflict(
                f"These are set in the configuration: {', '.join(others)}. Change `hx.cache` or "
                "`litellm_settings.cache_params` there, and reload.",
                code="set_in_configuration",
            )
        held = {name: now[name] for name in wanted.cache_settings if name in now}
        return json_response(CacheSaved(settings=held))

    async def test(self, visit: Visit) -> Response:
        """Ask the store whether it answers; other stores than the configured one are not asked."""
        wanted: CacheWanted = visit.body
        if others := _others(wanted.cache_settings, _shown(self._keeper.settings)):
            text = f"Only the configured cache can be tested, which differs in {', '.join(others)}."
            return json_response(CacheTested(status="failed", message=text))
        try:
            await self._keeper.ping()
        except DependencyError as error:
            told = CacheTested(status="failed", message=error.message, error=error.message)
            return json_response(told)
        return json_response(CacheTested(status="success", message="The cache answers."))

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


def _others(wanted: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """Name the settings that are wanted otherwise; what is None, or LiteLLM's own form, is not."""
    return [
        name[:40]
        for name, value in wanted.items()
        if value is not None
        and name != "redis_type"
        and (name not in now or _plain(value) != _plain(now[name]))
    ]


def _plain(value: object) -> object:
    """Make values comparable that clients write in two ways: 600, 600.0 and "600"."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    try:
        return float(str(value))
    except ValueError:
        return str(value)


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
            "POST",
            "settings",
            routes.save,
            "Agree to settings of the answer cache that hold already",
            CacheSaved,
            body=CacheWanted,
            errors=(409,),
            name="save_settings_cache",
        ),
        _endpoint(
            "POST",
            "settings/test",
            routes.test,
            "Does the store of the configured answer cache answer?",
            CacheTested,
            body=CacheWanted,
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
    name: str = "",
) -> Endpoint:
    return Endpoint(
        method=method,
        path=f"/cache/{verb}",
        scope=Scope.ADMIN,
        handler=handler,
        name=name or f"{verb.replace('/', '_')}_cache",
        summary=summary,
        tag="cache",
        body=body,
        answer=answer,
        errors=errors,
    )
