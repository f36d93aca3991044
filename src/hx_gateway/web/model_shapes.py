"""What is said of models and deployments over HTTP; the names are LiteLLM's."""

from collections.abc import Mapping
from typing import Annotated

import msgspec


class Params(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the configuration says of a deployment, as far as it may be shown."""

    model: str
    custom_llm_provider: str
    rpm: int | None = None
    tpm: int | None = None
    weight: float | None = None
    order: int = 0
    max_parallel_requests: int | None = None
    tags: tuple[str, ...] = ()


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a deployment; prices in dollars, null when nobody knows them.

    `key` is the model's name in the price list. Beside these stand `supports_…` for each thing that
    a model may be able to do (null: not known), and what else `model_info` says in the
    configuration.
    """

    id: str
    key: str | None
    litellm_provider: str
    mode: str | None
    max_tokens: int | None
    max_input_tokens: int | None
    max_output_tokens: int | None
    input_cost_per_token: float | None
    output_cost_per_token: float | None
    cache_read_input_token_cost: float | None
    cache_creation_input_token_cost: float | None
    input_cost_per_query: float | None
    input_cost_per_second: float | None
    output_cost_per_image: float | None
    supported_openai_params: tuple[str, ...]
    db_model: bool = False
    state: str
    in_flight: int
    latency_s: float


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment of a public model."""

    model_name: str
    litellm_params: Params
    model_info: Mapping[str, object]


class Models(msgspec.Struct, frozen=True, kw_only=True):
    """All deployments the caller may use."""

    data: list[Model]


class ModelPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the deployments the caller may use."""

    data: list[Model]
    total_count: int
    current_page: int
    total_pages: int
    size: int


class ModelInfoQuery(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment by its id, or all."""

    litellm_model_id: str | None = None


class ModelPageQuery(msgspec.Struct, frozen=True, kw_only=True, rename={"model_id": "modelId"}):
    """Which page; only names with `search` in them, of one `model`, or one deployment."""

    page: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    size: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 50
    search: str | None = None
    model: str | None = None
    model_id: str | None = None


class GroupQuery(msgspec.Struct, frozen=True, kw_only=True):
    """One public model, or all."""

    model_group: str | None = None


class HealthQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Only one public model, or one deployment; `inference`: ask each for a token, which costs."""

    model: str | None = None
    model_id: str | None = None
    inference: bool = False


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
    supports_function_calling: bool
    supports_parallel_function_calling: bool
    supports_vision: bool
    supports_reasoning: bool
    supports_web_search: bool
    supports_url_context: bool
    supports_response_schema: bool
    supports_prompt_caching: bool
    supports_pdf_input: bool
    supports_audio_input: bool
    supports_audio_output: bool
    supported_openai_params: tuple[str, ...]
    deployments: int
    usable: int


class Groups(msgspec.Struct, frozen=True, kw_only=True):
    """All public models the caller may use."""

    data: list[Group]


class Seen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a deployment was when it was last asked."""

    model: str
    model_id: str
    model_group: str
    custom_llm_provider: str
    mode: str | None
    state: str
    error: str | None = None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The deployments in use, and those that cool down after faults."""

    healthy_endpoints: list[Seen]
    unhealthy_endpoints: list[Seen]
    healthy_count: int
    unhealthy_count: int


class ParamsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The public model."""

    model: str


class ParamsTaken(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of OpenAI's that any deployment of a model takes."""

    supported_openai_params: tuple[str, ...]
