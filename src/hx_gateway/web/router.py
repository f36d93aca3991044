"""Finds the endpoint of a request: exact paths by one dict access, `{name}` paths after them."""

import re
from collections.abc import Iterable, Mapping

from hx_gateway.core.errors import MethodNotAllowed, NotFound
from hx_gateway.web.endpoint import Endpoint

Methods = dict[str, Endpoint]
NO_VALUES: Mapping[str, str] = {}


class Router:
    """The endpoints of one application. Two endpoints on one method and path do not start."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        """Index the endpoints; those with `{name}` parts become patterns."""
        self._exact: dict[str, Methods] = {}
        self._patterns: list[tuple[re.Pattern[str], Methods]] = []
        by_path: dict[str, Methods] = {}
        for endpoint in endpoints:
            methods = by_path.setdefault(endpoint.path, {})
            if endpoint.method in methods:
                raise ValueError(f"two endpoints for {endpoint.method} {endpoint.path}")
            methods[endpoint.method] = endpoint
        for path, methods in by_path.items():
            if "{" in path:
                self._patterns.append((_pattern(path), methods))
            else:
                self._exact[path] = methods

    def find(self, method: str, path: str) -> tuple[Endpoint, Mapping[str, str]]:
        """Find an endpoint and the values of its path; raises NotFound or MethodNotAllowed."""
        methods, values = self._methods(path)
        endpoint = methods.get(method) or (methods.get("GET") if method == "HEAD" else None)
        if endpoint is None:
            allow = tuple(sorted({*methods, *(("HEAD",) if "GET" in methods else ())}))
            raise MethodNotAllowed(f"{method} is not allowed here.", allow=allow)
        return endpoint, values

    def allowed(self, path: str) -> tuple[str, ...]:
        """List the methods of a path; raises NotFound."""
        return tuple(self._methods(path)[0])

    def _methods(self, path: str) -> tuple[Methods, Mapping[str, str]]:
        methods = self._exact.get(path)
        if methods is None and path.endswith("/"):
            # Base addresses are written both ways, and not every client follows a redirect.
            path = path[:-1]
            methods = self._exact.get(path)
        if methods is not None:
            return methods, NO_VALUES
        for pattern, methods in self._patterns:
            caught = pattern.fullmatch(path)
            if caught is not None:
                return methods, caught.groupdict()
        raise NotFound("There is nothing at this path.")


def _pattern(path: str) -> re.Pattern[str]:
    """Turn `/a/{b}/c` into a pattern; `{b:path}` also takes slashes."""
    parts = re.split(r"\{(\w+)(:path)?\}", path)
    text = re.escape(parts[0])
    for name, greedy, rest in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        text += f"(?P<{name}>{'.+' if greedy else '[^/]+'})" + re.escape(rest)
    return re.compile(text)
