"""What stands behind the public names, and how it is doing; nobody is asked for it.

Shapes are LiteLLM's (`/model/info`, `/model_group/info`, `/health`), without credentials and
addresses. Health is what the calls of this process found out, never an inference of its own.
"""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from hx_gateway.auth.policy import allows_model
from hx_gateway.core.http import Response
from hx_gateway.core.principal import Scope
from hx_gateway.core.route import Deployment, Route
from hx_gateway.core.usage import NANOS_PER_USD, Price
from hx_gateway.pipeline.handle import Pipeline
from hx_gateway.web.endpoint import Endpoint, Handler, Visit
from hx_gateway.web.respond import json_response

N = TypeVar("N", int, float)

_CLOSED = "closed"
_TOKENS = 1_000_000  # prices are per million tokens


class Params(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the configuration says of a deployment, as far as it may be shown."""

    model: str
    custom_llm_provider: str
    rpm: int | None = None
    tpm: int | None = None
    weight: float | None = None
    order: int = 0
    tags: tuple[str, ...] = ()


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a deployment; prices in dollars per token, null when nobody knows them."""

    id: str
    litellm_provider: str
    mode: str | None
    max_input_tokens: int | None
    max_output_tokens: int | None
    input_cost_per_token: float | None
    output_cost_per_token: float | None
    state: str
    in_flight: int
    latency_s: float


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment of a public model."""

    model_name: str
    litellm_params: Params
    model_info: Info


class Models(msgspec.Struct, frozen=True, kw_only=True):
    """All deployments the caller may use."""

    data: list[Model]


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A public model: the most that any of its deployments offers."""

    model_group: str
    providers: list[str]
    mode: str | None
    max_input_tokens: int | None
    max_output_tokens: int | None
    input_cost_per_token: float | None
    output_cost_per_token: float | None
    rpm: int | None
    tpm: int | None
    deployments: int
    usable: int


class Groups(msgspec.Struct, frozen=True, kw_only=True):
    """All public models the caller may use."""

    data: list[Group]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """How a deployment was when it was last asked."""

    model: str
    model_id: str
    model_group: str
    state: str


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The deployments in use, and those that cool down after faults."""

    healthy_endpoints: list[Seen]
    unhealthy_endpoints: list[Seen]
    healthy_count: int
    unhealthy_count: int


class ModelRoutes:
    """Handlers over the routes of one snapshot."""

    def __init__(self, pipeline: Pipeline) -> None:
        """Read from this pipeline's table and health book."""
        self._pipeline = pipeline

    async def info(self, visit: Visit) -> Response:
        """List deployments."""
        return json_response(
            Models(
                data=[
                    self._model(route, each)
                    for route in self._allowed(visit)
                    for each in route.deployments
                ]
            )
        )

    async def groups(self, visit: Visit) -> Response:
        """List public models."""
        return json_response(Groups(data=[self._group(route) for route in self._allowed(visit)]))

    async def health(self, _visit: Visit) -> Response:
        """Tell the healthy from the others."""
        seen = [
            Seen(
                model=f"{each.provider.name}/{each.model}",
                model_id=each.id,
                model_group=route.name,
                state=self._pipeline.state_of(each),
            )
            for route in self._pipeline.table.routes()
            for each in route.deployments
        ]
        good = [each for each in seen if each.state == _CLOSED]
        bad = [each for each in seen if each.state != _CLOSED]
        return json_response(
            Health(
                healthy_endpoints=good,
                unhealthy_endpoints=bad,
                healthy_count=len(good),
                unhealthy_count=len(bad),
            )
        )

    def _allowed(self, visit: Visit) -> Iterable[Route]:
        for route in self._pipeline.table.routes():
            if allows_model(visit.caller, route.name, route.access_groups):
                yield route

    def _model(self, route: Route, deployment: Deployment) -> Model:
        vitals = self._pipeline.health.of(deployment)
        return Model(
            model_name=route.name,
            litellm_params=Params(
                model=f"{deployment.provider.name}/{deployment.model}",
                custom_llm_provider=deployment.provider.name,
                rpm=deployment.rpm,
                tpm=deployment.tpm,
                weight=deployment.weight,
                order=deployment.order,
                tags=deployment.tags,
            ),
            model_info=Info(
                id=deployment.id,
                litellm_provider=deployment.provider.name,
                mode=deployment.mode,
                max_input_tokens=deployment.max_input_tokens,
                max_output_tokens=deployment.max_output_tokens,
                input_cost_per_token=_dollars(deployment.price, "input"),
                output_cost_per_token=_dollars(deployment.price, "output"),
                state=self._pipeline.state_of(deployment),
                in_flight=vitals.in_flight,
                latency_s=round(vitals.latency(), 4),
            ),
        )

    def _group(self, route: Route) -> Group:
        all_ = route.deployments
        return Group(
            model_group=route.name,
            providers=sorted({each.provider.name for each in all_}),
            mode=next((each.mode for each in all_ if each.mode), None),
            max_input_tokens=_most(each.max_input_tokens for each in all_),
            max_output_tokens=_most(each.max_output_tokens for each in all_),
            input_cost_per_token=_most(_dollars(each.price, "input") for each in all_),
            output_cost_per_token=_most(_dollars(each.price, "output") for each in all_),
            rpm=_most(each.rpm for each in all_),
            tpm=_most(each.tpm for each in all_),
            deployments=len(all_),
            usable=sum(self._pipeline.state_of(each) == _CLOSED for each in all_),
        )


def _dollars(price: Price | None, kind: str) -> float | None:
    if price is None:
        return None
    nanos: int = price.input if kind == "input" else price.output
    return nanos / _TOKENS / NANOS_PER_USD


def _most(values: Iterable[N | None]) -> N | None:
    return max((value for value in values if value is not None), default=None)


def endpoints(pipeline: Pipeline) -> tuple[Endpoint, ...]:
    """Make the endpoints of the family."""
    routes = ModelRoutes(pipeline)
    return (
        _get("/model/info", "model_info", routes.info, Models),
        _get("/v1/model/info", "model_info_v1", routes.info, Models),
        _get("/model_group/info", "model_group_info", routes.groups, Groups),
        _get("/health", "health", routes.health, Health),
    )


def _get(path: str, name: str, handler: Handler, answer: type) -> Endpoint:
    return Endpoint(
        method="GET",
        path=path,
        scope=Scope.ADMIN if answer is Health else Scope.ANY,
        handler=handler,
        name=name,
        summary="How the deployments are; asks nobody" if answer is Health else "Show the models",
        tag="models",
        answer=answer,
        errors=(403,) if answer is Health else (),
    )
