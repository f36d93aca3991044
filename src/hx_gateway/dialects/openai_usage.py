"""Token counts as OpenAI's chat, completions and embeddings write them, both ways."""

import msgspec

from hx_gateway.core.usage import MOST_TOKENS, Told, Usage, counted


class PromptDetails(msgspec.Struct):
    """The parts of the prompt's tokens."""

    cached_tokens: Told = None
    cache_write_tokens: Told = None


class CompletionDetails(msgspec.Struct):
    """The parts of the answer's tokens."""

    reasoning_tokens: Told = None


class WireUsage(msgspec.Struct):
    """The `usage` object."""

    prompt_tokens: Told = None
    completion_tokens: Told = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None

    def read(self) -> Usage:
        """Give our own count."""
        input_, output = self.prompt_tokens, self.completion_tokens
        if type(input_) is not int or not 0 < input_ <= MOST_TOKENS:
            input_ = counted(input_)
        if type(output) is not int or not 0 < output <= MOST_TOKENS:
            output = counted(output)
        prompt, completion = self.prompt_tokens_details, self.completion_tokens_details
        if prompt is None and completion is None:
            return Usage(input=input_, output=output)
        prompt = prompt or PromptDetails()
        completion = completion or CompletionDetails()
        return Usage(
            input=input_,
            output=output,
            cached_read=counted(prompt.cached_tokens),
            cached_write=counted(prompt.cache_write_tokens),
            reasoning=counted(completion.reasoning_tokens),
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
