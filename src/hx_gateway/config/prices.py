"""Prices: from the configuration, or from the table in `data/`; exact, in nano-dollars.

The table is read when a configuration is compiled, and let go again unless there are wildcards
(`data/prices.README` says where it comes from).
"""

from decimal import ROUND_CEILING, Decimal, InvalidOperation
from importlib import resources

import msgspec
from msgspec import Raw

from hx_gateway.core.facts import Catalogue
from hx_gateway.core.usage import NANOS_PER_USD

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


def open_table() -> Catalogue:
    """Read the table that comes with the program."""
    data = resources.files("hx_gateway.data").joinpath("prices.json").read_bytes()
    return Catalogue(msgspec.json.decode(data, type=dict[str, Raw]))


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
