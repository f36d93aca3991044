"""Token counts as Responses writes them, both ways."""

import msgspec

from hx_gateway.core.usage import Usage


class InputDetails(msgspec.Struct):
    """The parts of the input's tokens."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class OutputDetails(msgspec.Struct):
    """The parts of the output's tokens."""

    reasoning_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """The `usage` object."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None

    def read(self) -> Usage:
        """Give our own count; a negative number would be credit and counts as nothing."""
        taken = self.input_tokens_details or InputDetails()
        given = self.output_tokens_details or OutputDetails()
        return Usage(
            input=max(self.input_tokens or 0, 0),
            output=max(self.output_tokens or 0, 0),
            cached_read=max(taken.cached_tokens or 0, 0),
            cached_write=max(taken.cache_write_tokens or 0, 0),
            reasoning=max(given.reasoning_tokens or 0, 0),
        )


def wire_usage(usage: Usage) -> dict[str, object]:
    """Write the `usage` object."""
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {
            "cached_tokens": usage.cached_read,
            "cache_write_tokens": usage.cached_write,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total,
    }
