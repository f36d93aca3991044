"""Which fields Ollama knows beside the ordinary ones: its `options`, and a few top-level ones.

Names: `api/types.go` (Options, Runner, ChatRequest, EmbedRequest) of github.com/ollama/ollama.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from hx_gateway.core.errors import InvalidRequest

OPTIONS = frozenset(
    {
        "num_ctx", "num_predict", "num_keep", "num_batch", "num_gpu", "main_gpu", "num_thread",
        "use_mmap", "draft_num_predict", "seed", "top_k", "top_p", "min_p", "typical_p",
        "repeat_last_n", "repeat_penalty", "temperature", "presence_penalty",
        "frequency_penalty", "stop",
    }
)  # fmt: skip
TOP_LEVEL = frozenset({"keep_alive", "think", "format", "truncate", "shift"})

_OPTIONS = msgspec.json.Decoder(dict[str, Raw])


def is_known(name: str) -> bool:
    """Tell whether a field goes on: others would be ignored by the server without a word."""
    return name in OPTIONS or name in TOP_LEVEL or name == "options"


def options_of(extra: Mapping[str, Raw]) -> dict[str, object]:
    """Gather the options a client sent by name or in an `options` object; names win."""
    given = extra.get("options")
    try:
        options = {} if given is None else _OPTIONS.decode(given)
    except msgspec.ValidationError:
        raise InvalidRequest("'options' must be an object.", param="options") from None
    return {**options, **{name: value for name, value in extra.items() if name in OPTIONS}}


def top_level_of(extra: Mapping[str, Raw]) -> dict[str, Raw]:
    """Pick the top-level fields Ollama knows."""
    return {name: value for name, value in extra.items() if name in TOP_LEVEL}
