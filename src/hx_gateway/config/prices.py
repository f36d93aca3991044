"""Prices: from the configuration, or from the table in `data/`; exact, in nano-dollars.

The table is read when a configuration is compiled and let go again: only the entries of
configured models are decoded (`data/prices.README` says where it comes from).
"""

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from importlib import resources

import msgspec
from msgspec import Raw

from hx_gateway.core.usage import NANOS_PER_USD, Price

# A price is per token in dollars, and kept as nano-dollars for a million tokens.
SCALE = NANOS_PER_USD * 1_000_000
# More than a dollar a token is a mistake of unit (somebody wrote the price of a million tokens).
MAX_USD_PER_TOKEN = 1
FIELDS = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cached_read",
    "cache_creation_input_token_cost": "cached_write",
    "input_cost_per_query": "search",
    "input_cost_per_second": "audio_second",
    "output_cost_per_image": "image",
}


class ModelFacts(msgspec.Struct, frozen=True, array_like=True):
    """What the table knows of a model. Prices as in `core.usage.Price`; sizes in tokens."""

    input: int | None = None
    output: int | None = None
    cached_read: int | None = None
    cached_write: int | None = None
    max_input: int | None = None
    max_output: int | None = None
    mode: str | None = None
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


class PriceTable:
    """The table, undecoded."""

    def __init__(self, rows: Mapping[str, Raw]) -> None:
        """`rows` by the model's name, with or without its provider's prefix."""
        self._rows = rows

    def get(self, *names: str) -> ModelFacts | None:
        """Get the facts under the first name that is known."""
        for name in names:
            row = self._rows.get(name)
            if row is not None:
                return msgspec.json.decode(row, type=ModelFacts)
        return None


def open_table() -> PriceTable:
    """Read the table that comes with the program."""
    data = resources.files("hx_gateway.data").joinpath("prices.json").read_bytes()
    return PriceTable(msgspec.json.decode(data, type=dict[str, Raw]))


def read_price(value: object) -> int:
    """Read dollars per token into nano-dollars per million tokens, rounded up.

    Raises ValueError for what is no finite price of at least 0.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("must be a number of dollars per token")  # noqa: TRY004 - as scalar.py
    try:
        dollars = Decimal(str(value))
    except InvalidOperation:
        raise ValueError("must be a number of dollars per token") from None
    if not dollars.is_finite() or dollars < 0:
        raise ValueError("must be a finite number, 0 or more")
    if dollars > MAX_USD_PER_TOKEN:
        raise ValueError("is more than a dollar per token; prices are per token, not per million")
    return int((dollars * SCALE).to_integral_value(ROUND_CEILING))
