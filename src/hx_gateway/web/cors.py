"""Cross-origin rules: only origins that the configuration names, and no credentials by cookie."""

from hx_gateway.core.http import Header, Request, Response

_METHODS = b"GET, POST, DELETE, PATCH, PUT, OPTIONS"
_MAX_AGE = b"600"


class Cors:
    """The origins that a browser page may come from; `*` allows all."""

    def __init__(self, origins: tuple[str, ...]) -> None:
        """Keep the origins as header bytes."""
        self._any = "*" in origins
        self._origins = frozenset(origin.encode() for origin in origins)

    def headers(self, request: Request) -> list[Header]:
        """Give the headers of an actual answer; none for a foreign origin."""
        origin = request.headers.get(b"origin")
        if origin is None or not (self._any or origin in self._origins):
            return []
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", b"*"),
            (b"vary", b"origin"),
        ]

    def preflight(self, request: Request) -> Response:
        """Answer an OPTIONS request; a foreign origin gets no allowance."""
        headers = self.headers(request)
        if headers:
            wanted = request.headers.get(b"access-control-request-headers", b"authorization")
            headers += [
                (b"access-control-allow-methods", _METHODS),
                (b"access-control-allow-headers", wanted),
                (b"access-control-max-age", _MAX_AGE),
            ]
        return Response(204, b"", headers)
