"""Token counts as OpenAI's chat, completions and embeddings write them, both ways."""

import msgspec

from hx_gateway.core.usage import Usage


class PromptDetails(msgspec.Struct):
    """The parts of the prompt's tokens."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class CompletionDetails(msgspec.Struct):
    """The parts of the answer's tokens."""

    reasoning_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """The `usage` object."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None

    def read(self) -> Usage:
        """Give our own count; a negative number would be credit and counts as nothing."""
        input_, output = self.prompt_tokens or 0, self.completion_tokens or 0
        prompt, completion = self.prompt_tokens_details, self.completion_tokens_details
        if prompt is None and completion is None and input_ >= 0 and output >= 0:
            return Usage(input=input_, output=output)
        prompt = prompt or PromptDetails()
        completion = completion or CompletionDetails()
        return Usage(
            input=max(input_, 0),
            output=max(output, 0),
            cached_read=max(prompt.cached_tokens or 0, 0),
            cached_write=max(prompt.cache_write_tokens or 0, 0),
            reasoning=max(completion.reasoning_tokens or 0, 0),
        )


def wire_usage(usage: Usage) -> dict[str, object]:
    """Write the `usage` object of a chat answer."""
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
        "prompt_tokens_details": {"cached_tokens": usage.cached_read},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
