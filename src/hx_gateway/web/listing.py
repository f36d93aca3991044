"""`/v1/models`: the names that a key may use, in the shape of whoever asks.

Query parameters are LiteLLM's. A wildcard is listed as the models that the vendor is known to have,
if it is the vendor itself that answers: a server that imitates one has models of its own.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal

import msgspec

from hx_gateway.adapter.request import is_at_home
from hx_gateway.auth.policy import allows_model
from hx_gateway.core.errors import InvalidRequest, UnknownModel
from hx_gateway.core.facts import Catalogue
from hx_gateway.core.http import Response
from hx_gateway.core.principal import Principal, Scope
from hx_gateway.core.route import Deployment, Route
from hx_gateway.core.snapshot import Snapshot
from hx_gateway.pipeline.handle import Pipeline
from hx_gateway.routing.table import expand
from hx_gateway.web.endpoint import Endpoint, Handler, Visit
from hx_gateway.web.respond import json_response

MODEL_CREATED = 1677610602  # what LiteLLM answers for every model
_OWNER = "hx-gateway"
_CLOSED = "closed"


class ModelMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """Where calls go when the model fails."""

    fallbacks: tuple[str, ...]


class ModelCard(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model as OpenAI lists it, and what LiteLLM adds."""

    id: str
    object: str  # no default: what has its default is left out
    created: int
    owned_by: str
    mode: str | None = None
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    metadata: ModelMetadata | None = None


class ModelList(msgspec.Struct, frozen=True, kw_only=True):
    """The models that the caller may use."""

    object: str
    data: list[ModelCard]


class MessagesModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model as clients of `/v1/messages` expect it."""

    type: str = "model"
    id: str
    display_name: str
    created_at: str
    max_input_tokens: int | None
    max_tokens: int | None


class MessagesModelList(msgspec.Struct, frozen=True, kw_only=True):
    """A page that is always the whole list."""

    data: list[MessagesModel]
    has_more: bool = False
    first_id: str | None
    last_id: str | None


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is listed beside plain names; `scope=expand` shows administrators every model."""

    return_wildcard_routes: bool | None = None
    include_model_access_groups: bool = False
    only_model_access_groups: bool = False
    include_metadata: bool = False
    fallback_type: Literal["general", "context_window", "content_policy"] = "general"
    healthy_only: bool = False
    scope: str | None = None


class ModelListing:
    """Handlers over the routes of one snapshot."""

    def __init__(self, pipeline: Pipeline, snapshot: Snapshot) -> None:
        """Nothing is listed before somebody asks."""
        self._pipeline = pipeline
        self._table = pipeline.table
        self._catalogue = snapshot.catalogue
        self._shows_wildcards = snapshot.routing.list_wildcards

    async def models(self, visit: Visit) -> Response:
        """List what the caller may use."""
        query: ListQuery = visit.query
        if query.scope not in (None, "expand"):
            raise InvalidRequest("'scope' may only be 'expand'.", param="scope")
        sees_all = query.scope is not None and visit.caller.has_scope(Scope.ADMIN)
        meant = dict(self._meant(query, None if sees_all else visit.caller))
        cards = [self._card(name, route, query) for name, route in meant.items()]
        if _speaks_messages(visit):
            return json_response(_as_messages(cards))
        return json_response(ModelList(object="list", data=cards))

    async def model(self, visit: Visit) -> Response:
        """Describe one model: one that is listed, or that a wildcard catches."""
        wanted = visit.path["model"]
        route = self._table.get(wanted)
        if route is None or not _may(visit.caller, wanted, route):
            raise UnknownModel(f"The model '{wanted[:100]}' does not exist.", param="model")
        card = self._card(wanted, route, ListQuery())
        return json_response(_as_message_model(card) if _speaks_messages(visit) else card)

    def _meant(
        self, query: ListQuery, caller: Principal | None
    ) -> Iterator[tuple[str, Route | None]]:
        """Give names in order, each with its route; access groups have none."""
        if not query.only_model_access_groups:
            for name, route in self._names(query):
                is_shown = not query.healthy_only or self._is_healthy(route)
                if is_shown and (caller is None or _may(caller, name, route)):
                    yield name, route
        if query.include_model_access_groups or query.only_model_access_groups:
            for route in self._table.shown():
                if caller is None or _may(caller, route.name, route):
                    yield from ((group, None) for group in route.access_groups)

    def _names(self, query: ListQuery) -> Iterator[tuple[str, Route]]:
        for name in self._table.names():
            yield name, self._table.find(name)
        wanted = query.return_wildcard_routes
        if self._shows_wildcards if wanted is None else wanted:
            for route in self._table.shown():
                if "*" in route.name:
                    yield route.name, route
        yield from self._known.items()

    @cached_property
    def _known(self) -> Mapping[str, Route]:
        """The models that wildcards are known to catch; found out once a snapshot."""
        found: dict[str, Route] = {}
        if self._catalogue is not None:
            for route in self._table.shown():
                if "*" in route.name:
                    for name in known_names(route, self._catalogue):
                        made = found.get(name) or expand(route, name, self._catalogue)
                        if made is not None:
                            found[name] = made
        return found

    def _is_healthy(self, route: Route) -> bool:
        return any(self._pipeline.state_of(each) == _CLOSED for each in route.deployments)

    def _card(self, name: str, route: Route | None, query: ListQuery) -> ModelCard:
        first = route.deployments[0] if route is not None and route.deployments else None
        wants = query.include_metadata and route is not None
        return ModelCard(
            id=name,
            object="model",
            created=MODEL_CREATED,
            owned_by=first.provider.name if first else _OWNER,
            mode=first.mode if first else None,
            max_input_tokens=first.max_input_tokens if first else None,
            max_output_tokens=first.max_output_tokens if first else None,
            metadata=_metadata(route, query.fallback_type) if wants else None,
        )


def known_names(route: Route, catalogue: Catalogue) -> Iterator[str]:
    """Name the models of a wildcard that its vendors are known to have."""
    if route.name.count("*") != 1:
        return
    for deployment in route.deployments:
        if deployment.model.count("*") == 1 and is_at_home(deployment):
            for caught in _caught(deployment, catalogue):
                yield route.name.replace("*", caught)


def _caught(deployment: Deployment, catalogue: Catalogue) -> Iterator[str]:
    head, _, tail = deployment.model.partition("*")
    for model in catalogue.models_of(deployment.provider):
        if len(model) > len(head) + len(tail) and model.startswith(head) and model.endswith(tail):
            yield model[len(head) : len(model) - len(tail)]


def _may(caller: Principal, name: str, route: Route) -> bool:
    return allows_model(caller, name, route.access_groups, route.name)


def _metadata(route: Route | None, kind: str) -> ModelMetadata | None:
    if route is None:
        return None
    lists = {
        "general": route.fallbacks,
        "context_window": route.context_window_fallbacks,
        "content_policy": route.content_policy_fallbacks,
    }
    return ModelMetadata(fallbacks=lists[kind])


def _speaks_messages(visit: Visit) -> bool:
    return visit.request.header(b"anthropic-version") is not None


def _as_message_model(card: ModelCard) -> MessagesModel:
    created_at = datetime.fromtimestamp(MODEL_CREATED, UTC).isoformat().replace("+00:00", "Z")
    return MessagesModel(
        id=card.id,
        display_name=card.id,
        created_at=created_at,
        max_input_tokens=card.max_input_tokens,
        max_tokens=card.max_output_tokens,
    )


def _as_messages(cards: Iterable[ModelCard]) -> MessagesModelList:
    data = list(map(_as_message_model, cards))
    return MessagesModelList(
        data=data,
        first_id=data[0].id if data else None,
        last_id=data[-1].id if data else None,
    )


def endpoints(listing: ModelListing) -> tuple[Endpoint, ...]:
    """Make the endpoints; unlisted ones are aliases without `/v1`, and where Azure's SDKs look."""
    return (
        _list("/v1/models", "list_models", listing.models, listed=True),
        _list("/models", "list_models_1", listing.models, listed=False),
        _list("/openai/models", "list_models_2", listing.models, listed=False),
        _show("/v1/models/{model:path}", "get_model", listing.model, listed=True),
        _show("/models/{model:path}", "get_model_1", listing.model, listed=False),
    )


def _list(path: str, name: str, handler: Handler, *, listed: bool) -> Endpoint:
    return Endpoint(
        method="GET",
        path=path,
        scope=Scope.INFERENCE,
        handler=handler,
        name=name,
        summary="List the models this key may use",
        tag="inference",
        query=ListQuery,
        answer=ModelList,
        errors=(400, 422),
        listed=listed,
    )


def _show(path: str, name: str, handler: Handler, *, listed: bool) -> Endpoint:
    return Endpoint(
        method="GET",
        path=path,
        scope=Scope.INFERENCE,
        handler=handler,
        name=name,
        summary="Show a model",
        tag="inference",
        answer=ModelCard,
        errors=(404,),
        listed=listed,
    )
