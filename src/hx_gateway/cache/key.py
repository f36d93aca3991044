"""The name of an answer: a hash over everything that could change it, the tenant first.

Two calls share a name only if a model could not tell them apart. What no model sees is left out
(`LEFT_OUT`), so that it does not keep equal questions apart; everything else counts, known or not.
"""

import hashlib
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw

from hx_gateway.cache.pace import Pace
from hx_gateway.core.call import Call
from hx_gateway.core.chat import Chat, Role, Text
from hx_gateway.core.route import Deployment, Route
from hx_gateway.core.strict import count_written_keys

# Who asks and how the answer is delivered. `model` is the public name, which is in the key anyway.
LEFT_OUT = frozenset(
    {
        "metadata",
        "model",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "stream",
        "stream_options",
        "user",
    }
)
# Answers in this format repeat what was sent, so that all of it is part of the answer.
_ECHOING = frozenset({"openai_responses"})
_DELIVERY = frozenset({"model", "stream", "stream_options"})
# An answer that depends on something which is kept elsewhere and may change there.
_STATEFUL = frozenset({"background", "conversation", "previous_response_id"})
_FORMAT = "hx-answer-1"  # a change of what is hashed or kept takes another one
_NOTHING = (b"null", b"false")


class Circle(msgspec.Struct, frozen=True, kw_only=True):
    """Who may share an answer, and in what state of the configuration.

    `scope` narrows the tenant (a key, a team, an end user); `version` is that of the route. `model`
    is the public name, or that of a group whose models share their answers.
    """

    tenant: str
    scope: str
    namespace: str
    model: str
    version: str


def name_of(call: Call, circle: Circle) -> str | None:
    """Give the name of the answer to a call; None when the answer cannot be kept."""
    if any(bytes(call.fields.get(name, b"null")) not in _NOTHING for name in _STATEFUL):
        return None
    if call.form is not None and call.form.digest is None:
        return None
    try:
        fields = _canonical(call.fields, _left_out(call))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # a number that Python cannot hold, say: whoever understands it may answer
    return _hash([*_about(call, circle), fields])


async def names_of(
    call: Call, circle: Circle, field: str, values: Sequence[Raw], pace: Pace
) -> list[str]:
    """Give the names of the answers to calls that have each of the values in one field.

    They are the names that such calls have for themselves. Empty when one cannot be kept.
    """
    about, names = _about(call, circle), []
    try:
        left_out = _left_out(call)
        rest = _canonical({n: v for n, v in call.fields.items() if n != field}, left_out)
        for value in values:
            names.append(_hash([*about, {**rest, **_canonical({field: value}, left_out)}]))
            await pace.did(len(bytes(value)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    return names


def name_of_all(names: Sequence[str]) -> str:
    """Give the name of the answer to calls of these names as one: each says all about itself."""
    return _hash([_FORMAT, names])


class Alike(msgspec.Struct, frozen=True, kw_only=True):
    """A question that others may be like: everything but its last text is in `bucket`."""

    bucket: str
    text: str


def alike_of(call: Call, chat: Chat, circle: Circle) -> Alike | None:
    """Take the last message of a chat out of its name; None when that is not a user's plain text.

    Only what the user has just said is compared by meaning. Everything before it, system prompt,
    tools and settings must be the same: in a conversation of several turns, consecutive calls are
    so alike as a whole that each would get the answer of the one before.
    """
    *before, last = chat.messages or (None,)
    if last is None or last.role is not Role.USER or not last.parts:
        return None
    texts = [part.text for part in last.parts if isinstance(part, Text)]
    text = "\n".join(texts).strip()
    if len(texts) != len(last.parts) or not text:
        return None
    try:
        extra = _canonical(chat.extra, _left_out(call))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    user = chat.user if call.dialect in _ECHOING else None
    rest = msgspec.structs.replace(chat, messages=tuple(before), user=user, extra={})
    return Alike(bucket=_hash([*_about(call, circle), last.name, rest, extra]), text=text)


def version_of(*routes: Route) -> str:
    """Hash what the answers of routes depend on: deployments as they are asked, and fallbacks."""
    facts: list[object] = []
    for route in routes:
        facts += [[_facts(each) for each in route.deployments], route.fallbacks]
    return _hash(facts)[:16]


def _facts(deployment: Deployment) -> list[object]:
    return [
        deployment.id,
        deployment.provider.name,
        deployment.model,
        deployment.origin.authority,
        deployment.base_path,
        deployment.defaults,
        deployment.params,
        deployment.dropped,
        sorted(deployment.allowed),
        deployment.canned,
    ]


def _about(call: Call, circle: Circle) -> list[object]:
    passed = call.hints.headers if call.hints is not None else ()
    sent = (*call.headers.items(), *passed)
    headers = sorted((n.decode("latin-1"), v.decode("latin-1")) for n, v in sent)
    return [
        _FORMAT,
        circle.tenant,
        circle.scope,
        circle.namespace,
        circle.version,
        circle.model,
        call.operation,
        call.dialect,
        headers,
        _detours(call),
        call.contract,
        *([] if call.form is None else [call.form.digest]),
    ]


def _detours(call: Call) -> list[object] | None:
    """Give the caller's own wishes that can lead to another model, or another place."""
    wishes = call.wishes
    if wishes is None:
        return None
    return [
        wishes.use_fallbacks,
        wishes.fallbacks,
        wishes.context_window_fallbacks,
        wishes.content_policy_fallbacks,
        wishes.region,
    ]


def _left_out(call: Call) -> frozenset[str]:
    return _DELIVERY if call.dialect in _ECHOING else LEFT_OUT


def _canonical(fields: Mapping[str, Raw], left_out: frozenset[str]) -> dict[str, object]:
    """Decode the fields that count, so that neither order nor white space nor escapes do.

    Raises DecodeError where a key stands twice in one object, as may be in large bodies: which of
    the two an upstream takes is its own affair, and the answer to one must not be given to who
    asked only the other.
    """
    decoded: dict[str, object] = {}
    for name, data in fields.items():
        if name not in left_out:
            value = decoded[name] = msgspec.json.decode(data)
            if _count_keys(value) != count_written_keys(bytes(data)):
                raise msgspec.DecodeError("a key stands twice")
    return decoded


def _count_keys(value: object) -> int:
    if isinstance(value, dict):
        return len(value) + sum(_count_keys(inner) for inner in value.values())
    if isinstance(value, list):
        return sum(_count_keys(inner) for inner in value)
    return 0


def _hash(value: Sequence[object]) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()
