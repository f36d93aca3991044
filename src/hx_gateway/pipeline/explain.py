"""What would become of a call: who may ask, who would be asked, with what. Nothing is sent.

Made of the same parts as the way of a call, so it cannot tell another story.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from hx_gateway.adapter.request import Prepared, prepare
from hx_gateway.auth.policy import check_model, check_scope
from hx_gateway.core import wire
from hx_gateway.core.call import Call, Operation
from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import GatewayError
from hx_gateway.core.principal import Principal, Scope
from hx_gateway.core.route import Deployment, Route
from hx_gateway.core.usage import Measured, Usage, usd
from hx_gateway.pipeline.carry import check_mode
from hx_gateway.pipeline.planner import Planner
from hx_gateway.routing.estimate import estimate_tokens
from hx_gateway.routing.survey import Prospect, walk
from hx_gateway.routing.table import Table

MASK = "***"
_LIMITS = ("max_completion_tokens", "max_output_tokens", "max_tokens")
_WRITING = frozenset({Operation.CHAT, Operation.COMPLETE})
_DRAWING = frozenset({Operation.IMAGE, Operation.IMAGE_EDIT})
_COUNT = msgspec.json.Decoder(int)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the key may make the call; `reason` is None when it may."""

    key: str
    alias: str | None = None
    user: str | None = None
    team: str | None = None
    allowed: bool
    reason: str | None = None
    code: str | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The route, and how it was found: by `name`, `alias`, `pattern` or `default group`."""

    name: str
    found_by: str
    pattern: str | None
    strategy: str
    fallbacks: tuple[str, ...]
    context_window_fallbacks: tuple[str, ...]
    content_policy_fallbacks: tuple[str, ...]


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment of the route, why it would be asked or not, and what strategies look at."""

    deployment: str
    provider: str
    model: str
    usable: bool
    reason: str
    order: int
    weight: float | None
    in_flight: int
    first_event_s: float
    tokens_this_minute: int | None
    usd_per_million_input: str | None


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """Who would be asked next if those before were overloaded."""

    deployment: str
    route: str
    retry: bool
    fallback: bool
    wait_s: float


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """The request that the first of them would be sent, its credentials masked.

    `address` is shown to administrators only. `relayed`: in the client's own format.
    """

    method: str
    provider: str
    address: str | None
    path: str
    headers: Mapping[str, str]
    body: Any
    relayed: bool
    changed: tuple[str, ...]


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens and US dollars: at least (no answer) and at most (the longest); None is unknown."""

    input_tokens: int
    most_output_tokens: int | None
    least_usd: str | None
    most_usd: str | None


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why the call would fail before anybody is asked."""

    status: int
    message: str
    type: str
    code: str | None
    param: str | None


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """All that can be said before a call is made; what comes after a problem is missing."""

    key: Verdict
    operation: str
    format: str
    model: str
    stream: bool
    route: Found | None = None
    candidates: tuple[Candidate, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    request: Outgoing | None = None
    estimate: Estimate | None = None
    problem: Problem | None = None


class Explainer:
    """Explains calls with the routes of one snapshot."""

    def __init__(self, table: Table, planner: Planner, clock: Clock) -> None:
        """`planner` should have chances of its own, so that looking changes no choice."""
        self._table = table
        self._planner = planner
        self._clock = clock

    def explain(
        self, call: Call, principal: Principal, *, named: bool = True, shows_address: bool = False
    ) -> Explanation:
        """Explain one call of one caller. `named`: it named its model itself."""
        told: dict[str, Any] = {}
        try:
            check_scope(principal, Scope.INFERENCE)
            route = self._table.find(call.model)
            check_model(principal, call.model, route.access_groups, route.name)
            told["key"] = _verdict(principal)
            told["route"] = self._found(route, call.model, named=named)
            self._follow(call, principal, route, told, shows_address=shows_address)
        except GatewayError as error:
            told.setdefault("key", _verdict(principal, error))
            told["problem"] = problem_of(error)
        return Explanation(
            operation=call.operation,
            format=call.dialect,
            model=call.model,
            stream=call.stream,
            **told,
        )

    def _follow(
        self,
        call: Call,
        principal: Principal,
        route: Route,
        told: dict[str, Any],
        *,
        shows_address: bool,
    ) -> None:
        now = self._clock.monotonic()
        seen = self._planner.survey(route, call, principal, now)
        told["candidates"] = tuple(map(_candidate, seen))
        steps = tuple(walk(self._planner.plan(route, call, principal), now))
        told["attempts"] = tuple(
            Attempt(
                deployment=step.deployment.id,
                route=step.route.name,
                retry=step.retry,
                fallback=step.fallback,
                wait_s=round(step.wait, 3),
            )
            for step in steps
        )
        if not steps:
            return
        first = steps[0].deployment
        told["estimate"] = estimate(call, first)
        check_mode(call, first)
        told["request"] = _outgoing(prepare(call, first), first, call, shows_address=shows_address)

    def _found(self, route: Route, model: str, *, named: bool) -> Found:
        return Found(
            name=route.name,
            found_by=self._table.way_to(model) if named else "default group",
            pattern=route.pattern,
            strategy=route.strategy,
            fallbacks=route.fallbacks,
            context_window_fallbacks=route.context_window_fallbacks,
            content_policy_fallbacks=route.content_policy_fallbacks,
        )


def estimate(call: Call, deployment: Deployment) -> Estimate:
    """Estimate tokens and price of a call at one deployment."""
    tokens = estimate_tokens(call.fields)
    if call.operation in _WRITING:
        most = _number(call, *_LIMITS) or deployment.max_output_tokens
    else:
        most = 0  # what comes is no text
    price = deployment.price
    least_usd = most_usd = None
    if price is not None:
        least_usd = usd(price.cost(_usage(call, tokens, 0)))
        most_usd = None if most is None else usd(price.cost(_usage(call, tokens, most)))
    return Estimate(
        input_tokens=tokens, most_output_tokens=most, least_usd=least_usd, most_usd=most_usd
    )


def _usage(call: Call, tokens: int, output: int) -> Usage:
    """Say what a call would use, in the units of what it asks for."""
    if call.operation is Operation.RERANK:
        return Measured(input=tokens, searches=1)
    if call.operation in _DRAWING:
        return Measured(input=tokens, images=_number(call, "n") or 1)
    return Usage(input=tokens, output=output)


def problem_of(error: GatewayError) -> Problem:
    """Describe an error as a client would get it."""
    return Problem(
        status=error.http_status,
        message=error.message,
        type=error.error_type,
        code=error.error_code,
        param=error.param,
    )


def refused(key: str, error: GatewayError) -> Verdict:
    """Describe a key that is no caller at all."""
    return Verdict(key=key, allowed=False, reason=error.message, code=error.error_code)


def _verdict(principal: Principal, error: GatewayError | None = None) -> Verdict:
    return Verdict(
        key=principal.key_id,
        alias=principal.alias,
        user=principal.user_id,
        team=principal.team_id,
        # An unknown model is no matter of the key.
        allowed=error is None or error.http_status != 403,
        reason=None if error is None or error.http_status != 403 else error.message,
        code=None if error is None or error.http_status != 403 else error.error_code,
    )


def _candidate(seen: Prospect) -> Candidate:
    deployment = seen.deployment
    price = deployment.price
    return Candidate(
        deployment=deployment.id,
        provider=deployment.provider.name,
        model=deployment.model,
        usable=seen.is_usable,
        reason=seen.reason,
        order=deployment.order,
        weight=deployment.weight,
        in_flight=seen.in_flight,
        first_event_s=round(seen.first_event_s, 4),
        tokens_this_minute=seen.tokens_this_minute,
        usd_per_million_input=None if price is None else usd(price.input),
    )


def _outgoing(
    prepared: Prepared, deployment: Deployment, call: Call, *, shows_address: bool
) -> Outgoing:
    request, origin = prepared.request, deployment.origin
    address = f"{origin.scheme}://{origin.authority}" if origin.socket_path is None else "local"
    body = wire.decode_any(request.body)
    if not shows_address:
        # What the configuration fills in is the operator's own.
        hidden = deployment.defaults.keys() - call.fields.keys()
        body = {name: MASK if name in hidden else value for name, value in body.items()}
    return Outgoing(
        method=request.method,
        provider=deployment.provider.name,
        address=address if shows_address else None,
        path=request.path,
        headers=_masked(prepared, deployment),
        body=body,
        relayed=prepared.relayed,
        changed=prepared.changed,
    )


def _masked(prepared: Prepared, deployment: Deployment) -> dict[str, str]:
    """Mask every header that comes from a credential or from the configuration."""
    auth = deployment.provider.auth.headers(deployment.credential)
    secret = {name for name, _ in (*auth, *deployment.headers)}
    return {
        name.decode("latin-1"): MASK if name in secret else value.decode("latin-1")
        for name, value in prepared.request.headers
    }


def _number(call: Call, *names: str) -> int | None:
    for name in names:
        if name in call.fields:
            try:
                return _COUNT.decode(call.fields[name])
            except msgspec.DecodeError:
                return None
    return None
