"""Token counts as Messages writes them, both ways: its input excludes what the cache served."""

import msgspec

from hx_gateway.core.usage import Told, Usage, counted


class OutputDetails(msgspec.Struct):
    """The parts of the answer's tokens."""

    thinking_tokens: Told = None


class WireUsage(msgspec.Struct):
    """The `usage` object; a stream sends it in pieces, each cumulative."""

    input_tokens: Told = None
    output_tokens: Told = None
    cache_creation_input_tokens: Told = None
    cache_read_input_tokens: Told = None
    output_tokens_details: OutputDetails | None = None

    def over(self, earlier: Usage | None) -> Usage:
        """Give our own count, with an earlier piece for what this one leaves out."""
        before = earlier or Usage()
        read = _or(self.cache_read_input_tokens, before.cached_read)
        written = _or(self.cache_creation_input_tokens, before.cached_write)
        plain = _or(self.input_tokens, before.input - before.cached_read - before.cached_write)
        details = self.output_tokens_details or OutputDetails()
        return Usage(
            input=plain + read + written,
            output=_or(self.output_tokens, before.output),
            cached_read=read,
            cached_write=written,
            reasoning=_or(details.thinking_tokens, before.reasoning),
        )


def wire_usage(usage: Usage) -> dict[str, int]:
    """Write the `usage` object."""
    return {
        "input_tokens": max(usage.input - usage.cached_read - usage.cached_write, 0),
        "cache_creation_input_tokens": usage.cached_write,
        "cache_read_input_tokens": usage.cached_read,
        "output_tokens": usage.output,
    }


def _or(value: float | None, earlier: int) -> int:
    return earlier if value is None else counted(value)
