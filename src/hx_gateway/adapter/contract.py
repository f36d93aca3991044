"""What becomes of parameters a deployment's vendor does not take: sent, refused, or left out."""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Raw

from hx_gateway.adapter.inner import without_inner
from hx_gateway.core.call import Call
from hx_gateway.core.chat import Chat
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.core.provider import Question
from hx_gateway.core.route import Deployment
from hx_gateway.dialects.known import FIELDS

Fields = Mapping[str, Raw]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for one call at one deployment.

    `rule`: forward, strict or drop. `allowed` may pass whatever the rule says; `dropped` never do;
    they may be paths into a field (see `inner.py`).
    """

    rule: str = "forward"
    allowed: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()


def terms_of(call: Call, deployment: Deployment) -> Terms:
    """Put the deployment's terms and the caller's own together."""
    own = call.contract
    if own is None:
        return Terms(
            rule=deployment.params,
            allowed=deployment.allowed,
            dropped=frozenset(deployment.dropped),
        )
    return Terms(
        rule=deployment.params if own.rule is None else own.rule,
        allowed=deployment.allowed.union(own.allowed),
        dropped=frozenset(deployment.dropped).union(own.dropped),
    )


def apply_terms(
    fields: Fields, terms: Terms, formats: Iterable[str], known: frozenset[str]
) -> tuple[Fields, tuple[str, ...]]:
    """Give the fields that may go on, with notes of the others; raises InvalidRequest if strict.

    `formats` are those of the client and of the upstream, `known` is the vendor's own list, which
    takes the place of theirs.
    """
    gone = sorted(terms.dropped.intersection(fields))
    if terms.rule != "forward":
        unknown = sorted(_unknown(fields, formats, known) - terms.allowed - terms.dropped)
        if unknown and terms.rule == "strict":
            raise refused(unknown[0])
        gone += unknown
    if gone:
        fields = {name: value for name, value in fields.items() if name not in gone}
    if terms.dropped:
        fields, inner = without_inner(fields, terms.dropped)
        gone += inner
    return fields, tuple(f"drop:{name}" for name in gone)


def check_losses(notes: Iterable[str], terms: Terms) -> None:
    """Raise InvalidRequest for what a translation leaves behind, where nothing may be."""
    if terms.rule != "strict":
        return
    for note in notes:
        what, _, name = note.partition(":")
        if what == "drop" and name not in terms.allowed:
            raise refused(name)


def check_tools(question: Question, dialect: str, terms: Terms) -> None:
    """Raise InvalidRequest for a call whose only tools run at their vendor, unless they may go.

    An agent that searches the web by such a call would take for found what a model makes up.
    """
    if not isinstance(question, Chat) or not question.tools:
        return
    if terms.rule == "drop" or "tools" in terms.allowed:
        return
    if all(tool.raw is not None and tool.dialect != dialect for tool in question.tools):
        raise InvalidRequest(
            f"The model's provider does not have the tool '{question.tools[0].name[:64]}'.",
            param="tools",
            code="unsupported_parameter",
        )


def refused(name: str) -> InvalidRequest:
    """Say that a parameter is not taken."""
    return InvalidRequest(
        f"The model's provider does not take the parameter '{name}'.",
        param=name,
        code="unsupported_parameter",
    )


def _unknown(fields: Fields, formats: Iterable[str], known: frozenset[str]) -> set[str]:
    if known:
        return set(fields.keys() - known)
    unknown = set(fields)
    for name in formats:
        if name in FIELDS:
            unknown -= FIELDS[name]
    if not any(name in FIELDS for name in formats):
        return set()
    return unknown
