"""One route as data: what it needs, what it takes, what it gives, and how it can fail.

Everything is made from this table: dispatch, scopes, OpenAPI, the documentation, the tests that
call every route without a credential.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from hx_gateway.core.fast import MakeFast
from hx_gateway.core.http import Request, Response
from hx_gateway.core.principal import Principal, Scope


class Visit:
    """One request that was let in, on its way to a handler.

    `body` and `query` are instances of the endpoint's types (None without one); `path` holds the
    values of `{name}` parts; `principal` is None only on open routes. `is_recorded`: a receipt
    tells of it, so the access log need not.
    """

    __slots__ = ("body", "id", "is_recorded", "path", "principal", "query", "request")

    def __init__(self, id_: str, request: Request, principal: Principal | None = None) -> None:
        """The rest is filled in by the dispatcher."""
        self.id = id_
        self.request = request
        self.principal = principal
        self.is_recorded = False
        self.path: Mapping[str, str] = {}
        self.body: Any = None
        self.query: Any = None

    @property
    def caller(self) -> Principal:
        """The verified caller of a route that is not open."""
        if self.principal is None:
            raise AssertionError("an open route has no caller")
        return self.principal


Handler = Callable[[Visit], Awaitable[Response]]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One method on one path.

    `path` may hold `{name}` parts. `scope` has no default: a route without one does not exist.
    `body` / `query` are msgspec structs (forbid unknown fields with `forbid_unknown_fields=True`):
    broken JSON is 400, a broken schema 422. Without `body` the handler reads the raw bytes.
    `answer` describes the 200 body. `errors` are the statuses it may end with beside 401.
    `max_body` None takes the server's default; `streamed` hands the body over as it arrives.
    `takes` is the media type of the body. `tag` groups routes in the documentation; `listed=False`
    keeps aliases out of OpenAPI.
    `dialect` names the wire format of its error bodies. `fast` makes the fast path of a head.
    """

    method: str
    path: str
    scope: Scope
    handler: Handler
    name: str
    summary: str
    tag: str
    body: Any = None
    query: Any = None
    answer: Any = None
    media_type: str = "application/json"
    errors: tuple[int, ...] = ()
    max_body: int | None = None
    streamed: bool = False
    takes: str = "application/json"
    listed: bool = True
    dialect: str = "openai_chat"
    fast: MakeFast | None = None
