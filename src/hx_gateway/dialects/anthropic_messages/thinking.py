"""How models of this format are told to think; they differ in it, and refuse each other's words.

Earlier ones take a budget of tokens. Later ones decide for themselves and take an effort; the
latest take no sampling settings either, and show their thoughts only if asked.
https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking
"""

import msgspec

from hx_gateway.core.chat import Chat, Part, Reasoning, Role, Thinking, ToolUse
from hx_gateway.dialects.seals import RESPONSES_SEAL

Json = dict[str, object]

BUDGETS = {
    "minimal": 1024,
    "low": 1024,
    "medium": 4096,
    "high": 16_384,
    "xhigh": 32_768,
    "max": 32_768,
}
_EFFORTS = {"minimal": "low"}


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """What a model takes: an effort in place of a budget, sampling settings."""

    is_adaptive: bool = False
    samples: bool = True


IMITATOR = Traits()


def thinking_of(chat: Chat, traits: Traits) -> Json | None:
    """Write the setting; None leaves it to the model."""
    reasoning = chat.reasoning
    if reasoning is None or not _may_think(chat):
        return None
    if not reasoning.enabled:
        return {"type": "disabled"}
    if traits.is_adaptive:
        return {"type": "adaptive", "display": "summarized"}
    budget = reasoning.budget_tokens or _budget(reasoning)
    return None if budget is None else {"type": "enabled", "budget_tokens": budget}


def effort_of(chat: Chat) -> str | None:
    """Say how hard a model that takes no budget shall think, if that was said."""
    reasoning = chat.reasoning or Reasoning()
    if reasoning.effort is not None:
        return _EFFORTS.get(reasoning.effort, reasoning.effort)
    if reasoning.budget_tokens is None:
        return None
    return next(name for name in ("low", "medium", "high", "max") if _covers(name, reasoning))


def takes_sampling(thinking: Json | None, traits: Traits) -> bool:
    """Tell whether sampling settings may be sent: while it thinks, no model takes any."""
    return traits.samples and (thinking is None or thinking["type"] == "disabled")


def is_unsigned(part: Part) -> bool:
    """Thinking of another vendor has no signature or one of its own, and is refused."""
    if not isinstance(part, Thinking) or part.redacted is not None:
        return False
    return part.signature is None or part.signature.startswith(RESPONSES_SEAL)


def _covers(name: str, reasoning: Reasoning) -> bool:
    return name == "max" or (reasoning.budget_tokens or 0) <= BUDGETS[name]


def _budget(reasoning: Reasoning) -> int | None:
    return None if reasoning.effort is None else BUDGETS.get(reasoning.effort, BUDGETS["medium"])


def _may_think(chat: Chat) -> bool:
    """Thinking excludes a forced tool, and needs the thoughts that led to a tool still in use."""
    if chat.tool_choice is not None and chat.tool_choice.mode in {"required", "tool"}:
        return False
    last = next((m for m in reversed(chat.messages) if m.role is Role.ASSISTANT), None)
    if last is None or not any(isinstance(part, ToolUse) for part in last.parts):
        return True
    return any(isinstance(part, Thinking) and not is_unsigned(part) for part in last.parts)
