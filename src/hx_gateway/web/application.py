"""Every request's first minute: who is it, where does it go, is it well formed, what came of it.

Order: identity, then path, then scope, then body. So nobody learns which paths exist without a
key, and nothing of a body is looked at, or kept, for somebody who may not send one.
"""

import itertools
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Protocol, cast
from urllib.parse import parse_qsl

import msgspec

from hx_gateway.auth.policy import check_scope
from hx_gateway.core import wire
from hx_gateway.core.errors import GatewayError, InvalidRequest, Unprocessable
from hx_gateway.core.fast import FastPath, Pass
from hx_gateway.core.http import BodyRule, Chunks, Request, Response
from hx_gateway.core.principal import Principal, Scope
from hx_gateway.core.snapshot import ServerSettings
from hx_gateway.pipeline.reply import Canned
from hx_gateway.web.cors import Cors
from hx_gateway.web.endpoint import Endpoint, Visit
from hx_gateway.web.errors import error_response, internal_error
from hx_gateway.web.form import gather
from hx_gateway.web.router import NO_VALUES, Router

NO_BODY = BodyRule(max_bytes=64 * 1024)
_GOOD_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class Gate(Protocol):
    """Tells who is calling; `auth.Gatekeeper` is one."""

    def known(self, headers: Mapping[bytes, bytes]) -> Principal | None:
        """Recognise a caller without waiting; None when somebody has to be asked."""
        ...

    def pass_of(self, headers: Mapping[bytes, bytes]) -> Pass | None:
        """Recognise a caller who comes again and again with the same headers."""
        ...

    async def find(self, headers: Mapping[bytes, bytes]) -> Principal:
        """Find the caller; raises Unauthenticated or DependencyError."""
        ...


class _Door(msgspec.Struct, frozen=True):
    """See `core.fast.Door`."""

    max_body: int
    recognise: Callable[[], Pass | None]
    next_id: Callable[[], str]


class _Found(msgspec.Struct, frozen=True):
    """Where requests with one head go; no endpoint means nowhere.

    The body of somebody who is not known yet is streamed: it waits with the client until he is.
    """

    rule: BodyRule
    endpoint: Endpoint | None = None
    values: Mapping[str, str] = NO_VALUES


_NOWHERE = _Found(NO_BODY)
Observe = Callable[[Visit, str, int], None]  # visit, endpoint name, status


def _unobserved(_visit: Visit, _endpoint: str, _status: int) -> None:
    pass


class WebApplication:
    """The endpoints of one snapshot, behind identity, scopes and error bodies."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        gate: Gate,
        settings: ServerSettings,
        observe: Observe = _unobserved,
    ) -> None:
        """Index the endpoints. Each carries its scope by type, so none can be without."""
        self._observe = observe
        self.endpoints = tuple(endpoints)
        self._router = Router(endpoints)
        self._gate = gate
        self._cors = Cors(settings.cors_origins)
        self._rules = {each.name: _rule(each, settings) for each in self.endpoints}
        self._held = {
            name: BodyRule(max_bytes=rule.max_bytes, streamed=True)
            for name, rule in self._rules.items()
        }
        self._ids = itertools.count(1)
        self._id_prefix = f"{secrets.randbelow(10**18):018d}"  # digits spell no word by chance

    def check_head(self, request: Request) -> BodyRule | Response:
        """Say how much body a request may have; a path that takes none gets little."""
        return self._lookup(request).rule

    async def answer(self, request: Request) -> Response:
        """Answer a request; never raises (but for being cancelled)."""
        found: _Found = request.memo.found if request.memo.owner is self else self._lookup(request)
        visit = Visit(self._request_id(request), request)
        # The path decides only how an error is written until the caller is known.
        endpoint = found.endpoint
        dialect, name = (endpoint.dialect, endpoint.name) if endpoint else ("openai_chat", "none")
        try:
            if endpoint is None or request.method == "OPTIONS":
                response = await self._turn_back(visit)
            else:
                if endpoint.scope is not Scope.OPEN:
                    principal = (
                        self._gate.known(request.headers) or await self._find(request)
                        if request.flight is None
                        else request.flight.principal
                    )
                    visit.principal = principal
                    check_scope(principal, endpoint.scope)
                    if request.stream is not None and not endpoint.streamed:
                        await self._take_body(request, found)
                visit.path = found.values
                if endpoint.query is not None or endpoint.body is not None:
                    _read(visit, endpoint)
                response = await endpoint.handler(visit)
        except GatewayError as error:
            response = _failure(error, visit, dialect)
        except Exception as error:  # noqa: BLE001 - the one place that may: a client gets an id
            response = internal_error(error, visit.id, dialect)
        response.lines += b"x-request-id: %b\r\n" % visit.id.encode()
        if b"origin" in request.headers:
            response.headers += self._cors.headers(request)
        self._observe(visit, name, response.status)
        return response

    async def _turn_back(self, visit: Visit) -> Response:
        """Answer what has no endpoint: a preflight, or a caller who must say who it is first."""
        request = visit.request
        if request.method == "OPTIONS":
            return self._preflight(request)
        visit.principal = self._gate.known(request.headers) or await self._find(request)
        self._router.find(request.method, request.path)
        raise AssertionError("a request without an endpoint has a reason")

    def _find(self, request: Request) -> Awaitable[Principal]:
        return self._gate.find(request.headers)

    def _lookup(self, request: Request) -> _Found:
        memo = request.memo
        if memo.owner is not self:
            try:
                endpoint, values = self._router.find(request.method, request.path)
                is_welcome = endpoint.scope is Scope.OPEN or self._gate.known(request.headers)
                rules = self._rules if is_welcome else self._held
                memo.found = _Found(rules[endpoint.name], endpoint, values)
                memo.fast = self._fast(request, endpoint) if is_welcome else None
            except GatewayError:
                memo.found = _NOWHERE
                memo.fast = None
            memo.owner = self
        found: _Found = memo.found
        return found

    async def _take_body(self, request: Request, found: _Found) -> None:
        """Read the body that was held; whoever comes again with this head is known by it."""
        stream = cast("Chunks", request.stream)
        request.body = await gather(stream, found.rule.max_bytes)
        if found.endpoint is not None and request.memo.owner is self:
            rule = self._rules[found.endpoint.name]
            request.memo.found = msgspec.structs.replace(found, rule=rule)
            request.memo.fast = self._fast(request, found.endpoint)

    def _fast(self, request: Request, endpoint: Endpoint) -> FastPath | None:
        if endpoint.fast is None:
            return None
        max_body = self._rules[endpoint.name].max_bytes
        recognise = partial(self._gate.pass_of, request.headers)
        return endpoint.fast(request.headers, _Door(max_body, recognise, self._next_id))

    def _preflight(self, request: Request) -> Response:
        self._router.allowed(request.path)
        return self._cors.preflight(request)

    def _request_id(self, request: Request) -> str:
        """Take the client's id when it is harmless, else count: unique by a random prefix."""
        given = request.headers.get(b"x-litellm-call-id") or request.headers.get(b"x-request-id")
        if given is not None and _GOOD_ID.fullmatch(given):
            return given.decode("ascii")
        return self._next_id()

    def _next_id(self) -> str:
        return f"{self._id_prefix}-{next(self._ids)}"


def _rule(endpoint: Endpoint, settings: ServerSettings) -> BodyRule:
    if endpoint.method == "GET":
        return NO_BODY
    size = endpoint.max_body or settings.max_body
    return BodyRule(max_bytes=size, streamed=endpoint.streamed)


def _failure(error: GatewayError, visit: Visit, dialect: str) -> Response:
    early = visit.request.early
    if early is None or not early.has_begun:
        return error_response(error, visit.id, dialect)
    return Response(200, chunks=Canned(early.words(error)))


def _read(visit: Visit, endpoint: Endpoint) -> None:
    request = visit.request
    if endpoint.query is not None:
        visit.query = decode_query(request.query, endpoint.query)
    if endpoint.body is not None:
        visit.body = wire.decode_as(request.body, endpoint.body)


def decode_query(query: str, type_: type) -> object:
    """Decode a query string into a struct; raises InvalidRequest or Unprocessable."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=100, errors="strict")
    except ValueError:
        raise InvalidRequest("The query string cannot be read.") from None
    try:
        return msgspec.convert(dict(pairs), type_, strict=False)
    except msgspec.ValidationError as error:
        raise Unprocessable(str(error), param=wire.path_of(error)) from None
