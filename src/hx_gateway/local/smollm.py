"""Run SmolLM2-135M-Instruct (GGUF) on the processor. The only module that imports mistralrs."""

import os
from collections.abc import Iterator
from typing import Any, cast

from mistralrs import ChatCompletionChunkResponse, ChatCompletionRequest, Runner, Which

from hx_gateway.core.errors import ContextWindowExceeded, InvalidRequest
from hx_gateway.local.completion import Piece
from hx_gateway.local.prompt import Prompt
from hx_gateway.local.weights import check_weights

# The model could take 8192, but reads some 50 tokens a second on one core.
MAX_PROMPT_TOKENS = 2048


class SmolLM:
    """The loaded model. Not re-entrant: a second thread gets "Already borrowed"."""

    def __init__(self) -> None:
        """Check the weights and load them; raises WrongWeights or FileNotFoundError."""
        path = check_weights()
        # For the native library: ask no network, do not chatter, and leave half of the machine to
        # the gateway (on two busy cores one thread is twice as fast as two that wait in turns).
        threads = max(1, (os.cpu_count() or 1) // 2)
        os.environ.update(  # noqa: TID251
            HF_HUB_OFFLINE="1", RAYON_NUM_THREADS=str(threads), RUST_LOG="warn"
        )
        source = Which.GGUF(quantized_model_id=str(path.parent), quantized_filename=path.name)
        self._runner = Runner(
            which=cast("Any", source),  # its type stub forgets that a GGUF is a Which
            max_seqs=1,
            token_source="none",  # noqa: S106 - never read the user's Hugging Face token
        )

    def generate(self, prompt: Prompt) -> Iterator[Piece]:
        """Give the answer piece by piece; raises InvalidRequest before the first one.

        Dropping the iterator stops the generation. The first piece comes when the whole prompt has
        been read, and nothing can stop that part.
        """
        self._check_length(prompt)
        request = ChatCompletionRequest(
            model="default",
            messages=prompt.messages,
            max_tokens=prompt.max_tokens,
            temperature=prompt.temperature,
            top_p=prompt.top_p,
            stop_seqs=prompt.stops or None,
            grammar=prompt.schema,
            grammar_type="json_schema" if prompt.schema else None,
            stream=True,
        )
        try:
            chunks = self._runner.send_chat_completion_request(request)
            for chunk in cast("Iterator[ChatCompletionChunkResponse]", chunks):
                yield _piece(chunk)
        except ValueError as error:  # before the first one: a schema the engine cannot follow
            raise InvalidRequest(
                "The local model cannot follow this request.", param="response_format"
            ) from error

    def _check_length(self, prompt: Prompt) -> None:
        text = "".join(message["content"] for message in prompt.messages)
        tokens = self._runner.tokenize_text(text, add_special_tokens=False, enable_thinking=None)
        if len(tokens) > MAX_PROMPT_TOKENS:
            raise ContextWindowExceeded(
                f"The local demo model takes prompts of up to {MAX_PROMPT_TOKENS} tokens; "
                f"this one has {len(tokens)}.",
                param="messages",
            )


def _piece(chunk: ChatCompletionChunkResponse) -> Piece:
    choice, usage = chunk.choices[0], chunk.usage
    return Piece(
        choice.delta.content or "",
        choice.finish_reason,
        usage.prompt_tokens if usage else 0,
        usage.completion_tokens if usage else 0,
    )
