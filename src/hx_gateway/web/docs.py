"""`/docs`, where `/` leads: a small page that draws `/openapi.json` and can send requests.

Everything is served from here: no content network, no third-party code, nothing inline.
"""

from importlib.resources import files

from hx_gateway.core.http import Header, Response
from hx_gateway.core.principal import Scope
from hx_gateway.web.endpoint import Endpoint, Visit

_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: tuple[Header, ...] = (
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),
)


def endpoints() -> tuple[Endpoint, ...]:
    """Make the endpoints of the page and its two parts, and of the bare address."""
    return (
        _start(),
        _page("/docs", "docs", "docs.html", "text/html"),
        _page("/docs/docs.css", "docs_css", "docs.css", "text/css"),
        _page("/docs/docs.js", "docs_js", "docs.js", "text/javascript"),
    )


def _start() -> Endpoint:
    """Lead whoever opens the bare address to the documentation.

    People type it, balancers and agents look whether it answers: a 401 tells them it does not work.
    """

    async def lead(_visit: Visit) -> Response:
        # Relative: a proxy in front may serve all of this below a path of its own.
        return Response(307, b"", [(b"location", b"docs"), *_HEADERS])

    return Endpoint(
        method="GET",
        path="/",
        scope=Scope.OPEN,
        handler=lead,
        name="start",
        summary="Go to the documentation",
        tag="docs",
        listed=False,
    )


def _page(path: str, name: str, file: str, media_type: str) -> Endpoint:
    async def read(_visit: Visit) -> Response:
        # Some kilobytes that the system has in its cache; nobody reads documentation in a hurry.
        body = files("hx_gateway.web").joinpath("pages", file).read_bytes()
        kind = f"{media_type}; charset=utf-8".encode()
        return Response(200, body, [(b"content-type", kind), *_HEADERS])

    return Endpoint(
        method="GET",
        path=path,
        scope=Scope.OPEN,
        handler=read,
        name=name,
        summary="Read the documentation",
        tag="docs",
        media_type=media_type,
        listed=name == "docs",
    )
