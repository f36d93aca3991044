"""What a call consumed (tokens by kind) and what that cost (whole nano-dollars)."""

import msgspec

NANOS_PER_USD = 1_000_000_000


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


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """Nano-dollars per token, as whole numbers per million tokens to stay exact.

    `input` is nano-dollars for one million input tokens, and so on. None of them may be negative.
    """

    input: int = 0
    output: int = 0
    cached_read: int | None = None
    cached_write: int | None = None

    def cost(self, usage: Usage) -> int:
        """Price a usage in nano-dollars, rounded up: a call is never billed below its price."""
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


def usd(nanos: int) -> str:
    """Write nano-dollars as dollars without rounding: 2_500 gives '0.0000025'."""
    sign, nanos = ("-", -nanos) if nanos < 0 else ("", nanos)
    whole, rest = divmod(nanos, NANOS_PER_USD)
    digits = f"{rest:09d}".rstrip("0")
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"
