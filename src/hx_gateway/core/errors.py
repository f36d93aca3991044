"""Everything that can go wrong, as one tree; each class knows its HTTP status.

Text for a client comes only from these classes. Foreign exceptions are translated where they
enter; whatever is not a `GatewayError` is "internal error" to a client.
"""

from typing import ClassVar


class GatewayError(Exception):
    """A failure that a client may be told about, in our own words."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "internal_error"
    code: ClassVar[str | None] = None

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        type_: str | None = None,
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        """Keep what the envelope shows; `code`, `type_` and `status` override the class's own."""
        super().__init__(message)
        self.message = message
        self.param = param
        self.http_status = status or self.status
        self.error_type = type_ or self.type
        self.error_code = code or self.code
        self.retry_after_s = retry_after_s


class RequestError(GatewayError):
    """The caller's own mistake; nobody else could have answered it."""

    status = 400
    type = "invalid_request_error"


class InvalidRequest(RequestError):
    """The request cannot be read: broken JSON, a missing field, a value out of range (400)."""


class Unauthenticated(RequestError):
    """No key, or one that is unknown, expired or blocked (401)."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class Forbidden(RequestError):
    """A known caller without the scope or the model (403)."""

    status = 403
    type = "permission_error"
    code = "permission_denied"


class UnknownModel(RequestError):
    """No route has that public name (404)."""

    status = 404
    type = "invalid_request_error"
    code = "model_not_found"


class NotFound(RequestError):
    """No such path or object (404)."""

    status = 404
    type = "not_found_error"
    code = "not_found"


class MethodNotAllowed(RequestError):
    """The path exists, the method does not (405); `allow` lists those that do."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, message: str, *, allow: tuple[str, ...]) -> None:
        """Keep the methods for the `Allow` header."""
        super().__init__(message)
        self.allow = allow


class Conflict(RequestError):
    """The object is already there, or an idempotency key was reused (409)."""

    status = 409
    code = "conflict"


class TooLarge(RequestError):
    """More bytes than the limit of the route (413)."""

    status = 413
    code = "request_too_large"


class WrongType(RequestError):
    """The body is of a type that the route does not take (415)."""

    status = 415
    code = "unsupported_media_type"


class Unprocessable(RequestError):
    """Readable, but against the schema of the route (422)."""

    status = 422
    type = "validation_error"
    code = "validation_error"


class LimitError(GatewayError):
    """The caller has used up what it may use."""

    status = 429
    type = "rate_limit_error"


class RateLimited(LimitError):
    """Too many requests, tokens or parallel calls; `retry_after_s` says when it will work."""

    code = "rate_limit_exceeded"


class BudgetExceeded(LimitError):
    """No money left."""

    type = "budget_exceeded"
    code = "budget_exceeded"


class DependencyError(GatewayError):
    """Something the gateway needs does not answer (503); names it by role, never by address."""

    status = 503
    type = "dependency_unavailable"
    code = "dependency_unavailable"

    def __init__(
        self,
        role: str,
        message: str | None = None,
        *,
        code: str | None = None,
        type_: str | None = None,
        status: int | None = None,
        retry_after_s: float = 2.0,
    ) -> None:
        """`role`: PostgreSQL, SQLite, Redis, Qdrant, vector store, embedding model ..."""
        super().__init__(
            message or f"{role} is not available; try again shortly.",
            code=code,
            type_=type_,
            status=status,
            retry_after_s=retry_after_s,
        )
        self.role = role


class UpstreamError(GatewayError):
    """A fault of the upstream (or of the way there).

    `transient`: the same deployment may answer if asked again.
    `retryable`: another deployment may answer. Both only before the first byte to the client.
    `upstream_status`: what the upstream said, None if it said nothing.
    """

    status = 502
    type = "upstream_error"
    transient: ClassVar[bool] = False
    retryable: ClassVar[bool] = True

    def __init__(
        self,
        message: str,
        *,
        upstream_status: int | None = None,
        param: str | None = None,
        code: str | None = None,
        type_: str | None = None,
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        """`message` must be fit for a client: no address, no exception text."""
        super().__init__(
            message,
            param=param,
            code=code,
            type_=type_,
            status=status,
            retry_after_s=retry_after_s,
        )
        self.upstream_status = upstream_status


class Rejected(UpstreamError):
    """The upstream refused the request itself (its 4xx); asking elsewhere gives the same."""

    status = 400
    type = "invalid_request_error"
    code = "upstream_rejected"
    retryable = False


class ContextWindowExceeded(Rejected):
    """The prompt does not fit the model; only a context-window fallback may answer."""

    code = "context_length_exceeded"


class ContentRefused(Rejected):
    """The provider's content policy refused; only a content-policy fallback may answer."""

    code = "content_policy_violation"


class NotItsOwn(Rejected):
    """The call has reasoning that another account encrypted; that deployment may answer it."""

    code = "invalid_encrypted_content"


class CredentialRefused(UpstreamError):
    """The upstream refused our credential (its 401, 403): the operator's fault."""

    status = 502
    code = "upstream_credential_refused"


class ModelMissing(UpstreamError):
    """The upstream does not know the model (its 404)."""

    status = 502
    code = "upstream_model_missing"


class Overloaded(UpstreamError):
    """The upstream is busy or broken (its 408, 409, 429, 5xx)."""

    status = 503
    code = "upstream_overloaded"
    transient = True


class TimedOut(UpstreamError):
    """A deadline passed: connect, first byte, between chunks, or total (504)."""

    status = 504
    type = "timeout_error"
    code = "upstream_timeout"


class Stalled(TimedOut):
    """A deployment fell silent that used to answer long before; the call moves on (504)."""

    code = "upstream_stalled"


class Exhausted(UpstreamError):
    """A deployment has no room: its own limit of requests, tokens or parallel calls (429)."""

    status = 429
    type = "rate_limit_error"
    code = "deployment_limit_reached"


class Overspent(Exhausted):
    """The budget of a deployment, of its provider or of a tag is used up (429)."""

    type = "budget_exceeded"
    code = "budget_exceeded"


class Unfit(UpstreamError):
    """No deployment of the route may take this call: its tags or its region (403)."""

    status = 403
    type = "permission_error"
    code = "no_fitting_deployment"
    retryable = False


class Unreachable(UpstreamError):
    """No connection: refused, reset before an answer, name unknown, TLS failed (502)."""

    type = "upstream_unavailable"
    code = "upstream_unavailable"
    transient = True


class Garbled(UpstreamError):
    """The answer is no answer: not HTTP, not JSON, cut short, too large (502)."""

    code = "upstream_garbled"


class NodeBusy(UpstreamError):
    """Every node that has the model is taken, and too many calls wait already, or for too long."""

    status = 503
    code = "node_busy"


class Interrupted(UpstreamError):
    """A stream that had begun broke off; nothing is retried any more."""

    code = "upstream_interrupted"
    retryable = False


class NoDeployment(UpstreamError):
    """Nobody is left to ask (503)."""

    status = 503
    type = "upstream_unavailable"
    code = "upstream_unavailable"
    retryable = False


class ConfigError(Exception):
    """The configuration does not compile: all problems at once."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        """Each problem names file, line and path where it has them; no secret values."""
        super().__init__("\n".join(problems))
        self.problems = problems
