"""What is known of models by their vendors' names: prices, sizes, what they can do.

The table comes with the program (`data/prices.README`). Its rows stay undecoded: only those of
models that are configured, or that a wildcard catches, are ever looked at.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import msgspec
from msgspec import Raw

from hx_gateway.core.provider import Provider
from hx_gateway.core.route import Deployment
from hx_gateway.core.usage import Price

# What a model may support, in LiteLLM's words (`supports_vision`); their places are bits in a row.
FEATURES = (
    "function_calling", "tool_choice", "parallel_function_calling", "vision", "reasoning",
    "response_schema", "prompt_caching", "pdf_input", "system_messages", "web_search",
    "assistant_prefill", "native_streaming", "audio_input", "audio_output", "computer_use",
    "video_input", "url_context", "embedding_image_input",
)  # fmt: skip


class ModelFacts(msgspec.Struct, frozen=True, array_like=True):
    """What the table knows of a model. Prices as in `core.usage.Price`; sizes in tokens."""

    input: int | None = None
    output: int | None = None
    cached_read: int | None = None
    cached_write: int | None = None
    max_input: int | None = None
    max_output: int | None = None
    mode: str | None = None
    bits: int | None = None
    search: int | None = None
    audio_second: int | None = None
    image: int | None = None

    @property
    def price(self) -> Price | None:
        """The price; None when the table has none."""
        known = (self.input, self.output, self.search, self.audio_second, self.image)
        if all(price is None for price in known):
            return None
        return Price(
            input=self.input or 0,
            output=self.output or 0,
            cached_read=self.cached_read,
            cached_write=self.cached_write,
            search=self.search,
            audio_second=self.audio_second,
            image=self.image,
        )

    @property
    def features(self) -> frozenset[str]:
        """What it supports, as far as is known."""
        return frozenset(name for n, name in enumerate(FEATURES) if (self.bits or 0) >> n & 1)


NO_FACTS = ModelFacts()


class Catalogue:
    """The table, undecoded."""

    def __init__(self, rows: Mapping[str, Raw]) -> None:
        """`rows` by the model's name, with or without its provider's prefix."""
        self._rows = rows

    def look_up(self, *names: str) -> tuple[str | None, ModelFacts]:
        """Give the first name that is known, with its facts; None and no facts otherwise."""
        for name in names:
            row = self._rows.get(name)
            if row is not None:
                return name, msgspec.json.decode(row, type=ModelFacts)
        return None, NO_FACTS

    def models_of(self, provider: Provider) -> Iterator[str]:
        """Name a vendor's models, without its prefix."""
        for name in self._by_prefix.get("", ()) if provider.model_names else ():
            if name.startswith(provider.model_names):
                yield name
        for prefix in (provider.name, *provider.aliases):
            yield from self._by_prefix.get(prefix, ())

    @cached_property
    def _by_prefix(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = {}
        for name in self._rows:
            prefix, slash, rest = name.partition("/")
            found.setdefault(prefix if slash else "", []).append(rest if slash else name)
        return found


def listed_as(provider: Provider, model: str) -> tuple[str, ...]:
    """Give the names that a vendor's model may have in the table, the likeliest first."""
    return (*(f"{prefix}/{model}" for prefix in (provider.name, *provider.aliases)), model)


def informed(deployment: Deployment, catalogue: Catalogue) -> Deployment:
    """Add what the table knows to what the configuration says of a deployment."""
    key, facts = catalogue.look_up(*listed_as(deployment.provider, deployment.model))
    if key is None:
        return deployment
    return msgspec.structs.replace(
        deployment,
        listed_as=key,
        price=deployment.price or facts.price,
        mode=deployment.mode or facts.mode,
        max_input_tokens=deployment.max_input_tokens or facts.max_input,
        max_output_tokens=deployment.max_output_tokens or facts.max_output,
        supports=deployment.supports | facts.features,
    )
