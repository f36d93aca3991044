"""Which of OpenAI's parameters a deployment takes: LiteLLM's `supported_openai_params`."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from hx_gateway.adapter.request import way_out_of
from hx_gateway.core.call import Call, Operation
from hx_gateway.core.provider import WayOut
from hx_gateway.core.route import Deployment
from hx_gateway.dialects.known import OPENAI_PARAMS
from hx_gateway.dialects.registry import WAYS_IN

# The settings of `Chat` that clients know by other names, or by several.
_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "choices": ("n",),
        "max_tokens": ("max_tokens", "max_completion_tokens"),
        "output": ("response_format",),
        "parallel_tools": ("parallel_tool_calls",),
        "reasoning": ("reasoning_effort",),
    }
)
_SETTINGS = (
    "tools", "tool_choice", "parallel_tools", "max_tokens", "temperature", "top_p", "stop", "seed",
    "choices", "frequency_penalty", "presence_penalty", "logprobs", "top_logprobs", "output",
    "reasoning", "user",
)  # fmt: skip
_STREAMING = ("stream", "stream_options")
_NOTHING: frozenset[str] = frozenset()


def taken_params(deployment: Deployment) -> tuple[str, ...]:
    """Name the parameters that mean something there, in order; none where nobody can say."""
    is_embedding = deployment.mode == "embedding"
    operation = Operation.EMBED if is_embedding else Operation.CHAT
    dialect = "openai_embeddings" if is_embedding else "openai_chat"
    if operation not in deployment.provider.speaks:
        return ()
    out = way_out_of(
        Call(id="", operation=operation, dialect=dialect, model="", fields={}), deployment
    )
    names = OPENAI_PARAMS[dialect]
    if out.name == dialect:
        vendors = deployment.provider.params
        return tuple(sorted(names & vendors if vendors else names))
    return tuple(sorted(_translated(names, dialect, out))) if operation is Operation.CHAT else ()


def _translated(names: Iterable[str], dialect: str, out: WayOut) -> Iterator[str]:
    """Give what survives a translation: see `loss.py` for what does not."""
    lacks: frozenset[str] = getattr(out, "lacks", _NOTHING)
    drops: Callable[[str], bool] | None = getattr(out, "drops", None)
    untranslated: frozenset[str] = getattr(WAYS_IN[dialect], "untranslated", _NOTHING)
    said = {setting: _NAMES.get(setting, (setting,)) for setting in _SETTINGS}
    lost = {name for setting in lacks for name in said.get(setting, ())}
    settings = {name for each in said.values() for name in each}
    for name in names:
        is_extra = name not in settings and name not in _STREAMING
        if name in lost or name in untranslated:
            continue
        if not (is_extra and drops is not None and drops(name)):
            yield name
