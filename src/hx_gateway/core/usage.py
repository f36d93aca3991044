"""What a call consumed (tokens by kind) and what that cost (whole nano-dollars)."""

import msgspec

NANOS_PER_USD = 1_000_000_000
# Of one call. More is a mistake of the upstream's, which nobody shall pay for.
MOST_TOKENS = 10**12

Told = int | float | None
"""A number of tokens as an upstream writes it: some say `7.0`."""


def counted(told: Told) -> int:
    """Round a count up; an upstream's nonsense (negative, absurd) counts as nothing."""
    if told is None or not 0 < told <= MOST_TOKENS:
        return 0
    return -int(-told // 1)


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens by kind. `input` includes `cached_read`; `output` includes `reasoning`."""

    input: int = 0
    output: int = 0
    cached_read: int = 0
    cached_write: int = 0
    reasoning: int = 0

    @property
    def total(self) -> int:
        """Input and output together."""
        return self.input + self.output


class Measured(Usage, frozen=True, kw_only=True):
    """A usage that is counted in other units too, where an answer says so."""

    searches: int = 0
    audio_ms: int = 0
    images: int = 0


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """Nano-dollars per token, as whole numbers per million tokens to stay exact.

    `input` is nano-dollars for one million input tokens, and so on. None of them may be negative.
    `search`, `audio_second` and `image` are of other units, on the same scale.
    """

    input: int = 0
    output: int = 0
    cached_read: int | None = None
    cached_write: int | None = None
    search: int | None = None
    audio_second: int | None = None
    image: int | None = None

    def cost(self, usage: Usage) -> int:
        """Price a usage in nano-dollars, rounded up: a call is never billed below its price."""
        if type(usage) is Measured:
            # Two measures of one answer: whoever has a price for its tokens does not bill both.
            return self._cost_of_tokens(usage) or self._cost_of_units(usage)
        return self._cost_of_tokens(usage)

    def _cost_of_tokens(self, usage: Usage) -> int:
        if not usage.cached_read and not usage.cached_write:
            return -(-(usage.input * self.input + usage.output * self.output) // 1_000_000)
        cached_read = self.input if self.cached_read is None else self.cached_read
        cached_write = self.input if self.cached_write is None else self.cached_write
        plain = max(usage.input - usage.cached_read - usage.cached_write, 0)
        millionths = (
            plain * self.input
            + usage.cached_read * cached_read
            + usage.cached_write * cached_write
            + usage.output * self.output
        )
        return -(-millionths // 1_000_000)

    def _cost_of_units(self, usage: Measured) -> int:
        millionths = usage.searches * (self.search or 0) + usage.images * (self.image or 0)
        millionths += -(-usage.audio_ms * (self.audio_second or 0) // 1000)
        return -(-millionths // 1_000_000)


def usd(nanos: int) -> str:
    """Write nano-dollars as dollars without rounding: 2_500 gives '0.0000025'."""
    sign, nanos = ("-", -nanos) if nanos < 0 else ("", nanos)
    whole, rest = divmod(nanos, NANOS_PER_USD)
    digits = f"{rest:09d}".rstrip("0")
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"
