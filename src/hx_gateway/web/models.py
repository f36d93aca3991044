"""What stands behind the public names, and how it is doing; nobody is asked for it.

Shapes are LiteLLM's (`/model/info`, `/model_group/info`, `/health`), without credentials and
addresses. Health is what the calls of this process found out, and an inference only if asked for.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from hx_gateway.adapter.params import taken_params
from hx_gateway.auth.policy import allows_model, check_model
from hx_gateway.core.errors import GatewayError, NotFound
from hx_gateway.core.facts import FEATURES
from hx_gateway.core.http import Response
from hx_gateway.core.principal import Principal, Scope
from hx_gateway.core.route import Deployment, Route
from hx_gateway.core.usage import NANOS_PER_USD, Price
from hx_gateway.pipeline.handle import Pipeline
from hx_gateway.web.endpoint import Endpoint, Handler, Visit
from hx_gateway.web.model_shapes import (
    Group,
    GroupQuery,
    Groups,
    Health,
    HealthQuery,
    Info,
    Model,
    ModelInfoQuery,
    ModelPage,
    ModelPageQuery,
    Models,
    Params,
    ParamsQuery,
    ParamsTaken,
    Seen,
)
from hx_gateway.web.respond import json_response

N = TypeVar("N", int, float)

_CLOSED = "closed"
_AT_ONCE = 10
_TOKENS = 1_000_000  # prices are per million tokens


class ModelRoutes:
    """Handlers over the routes of one snapshot."""

    def __init__(self, pipeline: Pipeline) -> None:
        """Read from this pipeline's table and health book."""
        self._pipeline = pipeline

    async def info(self, visit: Visit) -> Response:
        """List deployments, or one."""
        wanted = visit.query.litellm_model_id
        found = [
            self._model(route, each)
            for route, each in self._deployments(visit)
            if wanted is None or each.id == wanted
        ]
        if wanted is not None and not found:
            raise NotFound(f"There is no deployment '{wanted[:100]}'.", param="litellm_model_id")
        return json_response(Models(data=found))

    async def page(self, visit: Visit) -> Response:
        """List deployments by the page."""
        query: ModelPageQuery = visit.query
        all_ = [
            (route, each)
            for route, each in self._deployments(visit)
            if _is_meant(query, route, each)
        ]
        begin = (query.page - 1) * query.size
        return json_response(
            ModelPage(
                data=[self._model(*each) for each in all_[begin : begin + query.size]],
                total_count=len(all_),
                current_page=query.page,
                total_pages=-(-len(all_) // query.size),
                size=query.size,
            )
        )

    async def groups(self, visit: Visit) -> Response:
        """List public models."""
        wanted = visit.query.model_group
        routes = [r for r in self._allowed(visit) if wanted is None or r.name == wanted]
        return json_response(Groups(data=[self._group(route) for route in routes]))

    async def params(self, visit: Visit) -> Response:
        """Name the parameters of OpenAI's that a model takes."""
        wanted: str = visit.query.model
        route = self._pipeline.table.find(wanted)
        check_model(visit.caller, wanted, route.access_groups, route.name)
        taken = {name for each in route.deployments for name in taken_params(each)}
        return json_response(ParamsTaken(supported_openai_params=tuple(sorted(taken))))

    async def health(self, visit: Visit) -> Response:
        """Tell the healthy from the others; asks them only if the caller wants it."""
        query: HealthQuery = visit.query
        meant = [
            (route, each)
            for route in self._pipeline.table.shown()
            for each in route.deployments
            if query.model in (None, route.name, f"{each.provider.name}/{each.model}")
            and query.model_id in (None, each.id)
        ]
        if not meant and (query.model or query.model_id):
            # An empty list would have nothing unhealthy in it: a probe with a typing error is well.
            param = "model" if query.model else "model_id"
            raise NotFound("There is no such model.", param=param, code="model_not_found")
        errors: list[GatewayError | None] = [None] * len(meant)
        if query.inference:
            errors = await self._try_all(meant, visit.caller)
        seen = [
            self._seen(route, each, error)
            for (route, each), error in zip(meant, errors, strict=True)
        ]
        good = [each for each in seen if each.state == _CLOSED and each.error is None]
        bad = [each for each in seen if each not in good]
        return json_response(
            Health(
                healthy_endpoints=good,
                unhealthy_endpoints=bad,
                healthy_count=len(good),
                unhealthy_count=len(bad),
            )
        )

    async def _try_all(
        self, meant: Sequence[tuple[Route, Deployment]], caller: Principal
    ) -> list[GatewayError | None]:
        places = asyncio.Semaphore(_AT_ONCE)

        async def trial(route: Route, deployment: Deployment) -> GatewayError | None:
            async with places:
                return await self._pipeline.trial(route, deployment, caller)

        return await asyncio.gather(*(trial(route, each) for route, each in meant))

    def _seen(self, route: Route, deployment: Deployment, error: GatewayError | None) -> Seen:
        return Seen(
            model=f"{deployment.provider.name}/{deployment.model}",
            model_id=deployment.id,
            model_group=route.name,
            custom_llm_provider=deployment.provider.name,
            mode=deployment.mode,
            state=self._pipeline.state_of(deployment),
            error=None
            if error is None
            else f"{error.error_code or error.error_type}: {error.message}",
        )

    def _deployments(self, visit: Visit) -> Iterable[tuple[Route, Deployment]]:
        for route in self._allowed(visit):
            for deployment in route.deployments:
                yield route, deployment

    def _allowed(self, visit: Visit) -> Iterable[Route]:
        for route in self._pipeline.table.shown():
            if allows_model(visit.caller, route.name, route.access_groups):
                yield route

    def _model(self, route: Route, deployment: Deployment) -> Model:
        return Model(
            model_name=route.name,
            litellm_params=Params(
                model=f"{deployment.provider.name}/{deployment.model}",
                custom_llm_provider=deployment.provider.name,
                rpm=deployment.rpm,
                tpm=deployment.tpm,
                weight=deployment.weight,
                order=deployment.order,
                max_parallel_requests=deployment.max_parallel,
                tags=deployment.tags,
            ),
            model_info={
                **_supports(deployment),
                **deployment.info,
                **msgspec.structs.asdict(self._info(deployment)),
            },
        )

    def _info(self, deployment: Deployment) -> Info:
        vitals = self._pipeline.health.of(deployment)
        return Info(
            id=deployment.id,
            key=deployment.listed_as,
            litellm_provider=deployment.provider.name,
            mode=deployment.mode,
            max_tokens=deployment.max_output_tokens or deployment.max_input_tokens,
            max_input_tokens=deployment.max_input_tokens,
            max_output_tokens=deployment.max_output_tokens,
            input_cost_per_token=_dollars(deployment.price, "input"),
            output_cost_per_token=_dollars(deployment.price, "output"),
            cache_read_input_token_cost=_dollars(deployment.price, "cached_read"),
            cache_creation_input_token_cost=_dollars(deployment.price, "cached_write"),
            input_cost_per_query=_dollars(deployment.price, "search"),
            input_cost_per_second=_dollars(deployment.price, "audio_second"),
            output_cost_per_image=_dollars(deployment.price, "image"),
            supported_openai_params=taken_params(deployment),
            state=self._pipeline.state_of(deployment),
            in_flight=vitals.in_flight,
            latency_s=round(vitals.latency(), 4),
        )

    def _group(self, route: Route) -> Group:
        all_ = route.deployments
        can = {feature for each in all_ for feature in each.supports}
        taken = sorted({name for each in all_ for name in taken_params(each)})
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
            supports_function_calling="function_calling" in can,
            supports_parallel_function_calling="parallel_function_calling" in can,
            supports_vision="vision" in can,
            supports_reasoning="reasoning" in can,
            supports_web_search="web_search" in can,
            supports_url_context="url_context" in can,
            supports_response_schema="response_schema" in can,
            supports_prompt_caching="prompt_caching" in can,
            supports_pdf_input="pdf_input" in can,
            supports_audio_input="audio_input" in can,
            supports_audio_output="audio_output" in can,
            supported_openai_params=tuple(taken),
            deployments=len(all_),
            usable=sum(self._pipeline.state_of(each) == _CLOSED for each in all_),
        )


def _is_meant(query: ModelPageQuery, route: Route, deployment: Deployment) -> bool:
    return (
        (query.search is None or query.search.lower() in route.name.lower())
        and query.model in (None, route.name)
        and query.model_id in (None, deployment.id)
    )


def _supports(deployment: Deployment) -> dict[str, bool | None]:
    return {f"supports_{name}": (name in deployment.supports) or None for name in FEATURES}


def _dollars(price: Price | None, kind: str) -> float | None:
    if price is None:
        return None
    nanos: int | None = getattr(price, kind)
    return None if nanos is None else nanos / _TOKENS / NANOS_PER_USD


def _most(values: Iterable[N | None]) -> N | None:
    return max((value for value in values if value is not None), default=None)


def endpoints(pipeline: Pipeline) -> tuple[Endpoint, ...]:
    """Make the endpoints of the family."""
    routes = ModelRoutes(pipeline)
    return (
        _get("/model/info", "model_info", routes.info, ModelInfoQuery, Models),
        _get("/v1/model/info", "model_info_v1", routes.info, ModelInfoQuery, Models),
        _get("/v2/model/info", "model_info_v2", routes.page, ModelPageQuery, ModelPage),
        _get("/model_group/info", "model_group_info", routes.groups, GroupQuery, Groups),
        Endpoint(
            method="GET",
            path="/utils/supported_openai_params",
            scope=Scope.INFERENCE,
            handler=routes.params,
            name="supported_openai_params",
            summary="Name the parameters of OpenAI's that a model takes",
            tag="models",
            query=ParamsQuery,
            answer=ParamsTaken,
            errors=(403, 404, 422),
        ),
        Endpoint(
            method="GET",
            path="/health",
            scope=Scope.ADMIN,
            handler=routes.health,
            name="health",
            summary="How the deployments are; asks them only if told to",
            tag="models",
            query=HealthQuery,
            answer=Health,
            errors=(403, 404, 422),
        ),
    )


def _get(path: str, name: str, handler: Handler, query: type, answer: type) -> Endpoint:
    return Endpoint(
        method="GET",
        path=path,
        scope=Scope.ANY,
        handler=handler,
        name=name,
        summary="Show the models by the page" if answer is ModelPage else "Show the models",
        tag="models",
        query=query,
        answer=answer,
        errors=(404, 422) if answer is Models else (422,),
    )
