"""Token counts as Responses writes them, both ways."""

import msgspec

from hx_gateway.core.usage import Told, Usage, counted


class InputDetails(msgspec.Struct):
    """The parts of the input's tokens."""

    cached_tokens: Told = None
    cache_write_tokens: Told = None


class OutputDetails(msgspec.Struct):
    """The parts of the output's tokens."""

    reasoning_tokens: Told = None


class WireUsage(msgspec.Struct):
    """The `usage` object."""

    input_tokens: Told = None
    output_tokens: Told = None
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None

    def read(self) -> Usage:
        """Give our own count."""
        taken = self.input_tokens_details or InputDetails()
        given = self.output_tokens_details or OutputDetails()
        return Usage(
            input=counted(self.input_tokens),
            output=counted(self.output_tokens),
            cached_read=counted(taken.cached_tokens),
            cached_write=counted(taken.cache_write_tokens),
            reasoning=counted(given.reasoning_tokens),
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
