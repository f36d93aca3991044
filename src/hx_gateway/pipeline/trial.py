"""The smallest call that shows whether a deployment answers: one token, or one vector."""

from collections.abc import Mapping

from hx_gateway.core import wire
from hx_gateway.core.call import Call, Operation
from hx_gateway.core.route import Deployment

_Kind = tuple[Operation, str, Mapping[str, object]]
_CHAT: Mapping[str, object] = {"messages": [{"role": "user", "content": "ping"}], "max_tokens": 1}
_KINDS: Mapping[str | None, _Kind] = {
    None: (Operation.CHAT, "openai_chat", _CHAT),
    "chat": (Operation.CHAT, "openai_chat", _CHAT),
    "responses": (Operation.CHAT, "openai_chat", _CHAT),
    "completion": (
        Operation.COMPLETE,
        "openai_completions",
        {"prompt": "ping", "max_tokens": 1},
    ),
    "embedding": (Operation.EMBED, "openai_embeddings", {"input": ["ping"]}),
}


def trial_call(deployment: Deployment, model: str, now: float, created: int) -> Call | None:
    """Make it; None for a deployment that cannot be tried so: a pattern, or another kind of model.

    `now` is monotonic, `created` seconds since 1970.
    """
    if "*" in deployment.model or deployment.mode not in _KINDS:
        return None
    operation, dialect, body = _KINDS[deployment.mode]
    if operation not in deployment.provider.speaks:
        return None
    return Call(
        id=f"health-{deployment.id}",
        operation=operation,
        dialect=dialect,
        model=model,
        fields=wire.decode_fields(wire.encode({"model": model, **body})),
        started_at=now,
        created=created,
    )
