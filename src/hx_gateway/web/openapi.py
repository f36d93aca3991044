"""OpenAPI 3.1, made from the table of endpoints: what is served is what is documented."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from hx_gateway import __version__
from hx_gateway.core import wire
from hx_gateway.core.http import JSON_TYPE, Response
from hx_gateway.core.principal import Scope
from hx_gateway.web.endpoint import Endpoint, Visit

Json = dict[str, Any]
_REF = "#/components/schemas/{name}"
_PART = re.compile(r"\{(\w+)(?::path)?\}")
_BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})
_REASONS: Mapping[int, str] = {
    400: "The request cannot be read, or a value is out of range",
    401: "No key, or one that is not valid",
    403: "The key lacks the scope or the model",
    404: "There is no such thing",
    409: "It is there already",
    413: "The body is too large",
    415: "The body is of a type that is not taken",
    422: "The body breaks the schema",
    429: "A limit is reached; Retry-After says when it ends",
    500: "Internal error",
    502: "The upstream failed",
    503: "A dependency, named by role, is not available",
    504: "The upstream took too long",
}
_SECURITY: Json = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A virtual key or the master key.",
    },
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "The same key, as SDKs of other vendors send it.",
    },
    "adminKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-HX-Admin-Key",
        "description": "Gives the write scope for documents.",
    },
}
_BY_KEY: tuple[Mapping[str, Sequence[str]], ...] = ({"bearer": ()}, {"apiKey": ()})
_BY_KEY_OR_ADMIN = (*_BY_KEY, {"adminKey": ()}, {"bearer": (), "adminKey": ()})


class ErrorDetail(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """Every error of every route."""

    error: ErrorDetail


def document(endpoints: Iterable[Endpoint]) -> Json:
    """Describe the listed endpoints as an OpenAPI 3.1 document."""
    listed = [endpoint for endpoint in endpoints if endpoint.listed]
    kinds = [kind for e in listed for kind in (e.body, e.query, e.answer) if kind is not None]
    wanted = list(dict.fromkeys([ErrorBody, *kinds]))
    schemas, components = msgspec.json.schema_components(
        wanted, schema_hook=_anything, ref_template=_REF
    )
    by_kind = dict(zip(wanted, schemas, strict=True))
    paths: Json = {}
    for endpoint in listed:
        path = _PART.sub(r"{\1}", endpoint.path)
        operation = _operation(endpoint, by_kind, components)
        paths.setdefault(path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "HX Gateway",
            "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": tag} for tag in dict.fromkeys(e.tag for e in listed)],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _SECURITY},
    }


def _anything(kind: type) -> Json:
    """Give the schema of a value of any shape; other unknown types are our own mistake."""
    if kind in {object, msgspec.Raw}:
        return {"description": "Any JSON value."}  # msgspec takes an empty answer for none
    raise TypeError(f"no schema for {kind}")


def _operation(endpoint: Endpoint, by_kind: Mapping[Any, Json], components: Json) -> Json:
    operation: Json = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "responses": _responses(endpoint, by_kind),
    }
    parameters = _parameters(endpoint, by_kind, components)
    if parameters:
        operation["parameters"] = parameters
    if endpoint.method in _BODY_METHODS:
        operation["requestBody"] = _request_body(endpoint, by_kind)
    operation["security"] = _security(endpoint.scope)
    if endpoint.scope is not Scope.OPEN:
        operation["x-scope"] = endpoint.scope.value
    return operation


def _request_body(endpoint: Endpoint, by_kind: Mapping[Any, Json]) -> Json:
    schema = by_kind[endpoint.body] if endpoint.body is not None else {"type": "object"}
    return {"required": True, "content": {endpoint.takes: {"schema": schema}}}


def _responses(endpoint: Endpoint, by_kind: Mapping[Any, Json]) -> Json:
    schema = by_kind[endpoint.answer] if endpoint.answer is not None else {}
    responses: Json = {
        "200": {"description": "Success", "content": {endpoint.media_type: {"schema": schema}}}
    }
    error = {"application/json": {"schema": by_kind[ErrorBody]}}
    for status in _error_statuses(endpoint):
        reason = _REASONS.get(status, "Error")
        # A health route fails in its own words, so that one can read what is missing.
        own = status == 503 and endpoint.scope is Scope.OPEN
        content = {endpoint.media_type: {"schema": schema}} if own else error
        responses[str(status)] = {"description": reason, "content": content}
    return responses


def _error_statuses(endpoint: Endpoint) -> list[int]:
    statuses = set(endpoint.errors)
    if endpoint.scope is not Scope.OPEN:
        statuses |= {401, 503}
    if endpoint.scope not in {Scope.OPEN, Scope.ANY}:
        statuses.add(403)
    if endpoint.body is not None:
        statuses |= {400, 413, 422}
    if endpoint.query is not None:
        statuses |= {400, 422}
    return sorted(statuses)


def _parameters(endpoint: Endpoint, by_kind: Mapping[Any, Json], components: Json) -> list[Json]:
    found: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PART.findall(endpoint.path)
    ]
    if endpoint.query is not None:
        schema = components[by_kind[endpoint.query]["$ref"].rpartition("/")[2]]
        required = schema.get("required", ())
        found += [
            {"name": name, "in": "query", "required": name in required, "schema": field}
            for name, field in schema["properties"].items()
        ]
    return found


def _security(scope: Scope) -> list[Json]:
    if scope is Scope.OPEN:
        return []
    ways = _BY_KEY_OR_ADMIN if scope in {Scope.RAG_READ, Scope.RAG_WRITE} else _BY_KEY
    return [{name: list(scopes) for name, scopes in way.items()} for way in ways]


def endpoints(others: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """Make the endpoint that serves the description of all others and itself.

    The document is made when first asked for: the start has no time to spare.
    """
    made: list[bytes] = []

    async def read(_visit: Visit) -> Response:
        if not made:
            made.append(wire.encode(document([*others, own])))
        return Response(200, made[0], [JSON_TYPE])

    own = Endpoint(
        method="GET",
        path="/openapi.json",
        scope=Scope.OPEN,
        handler=read,
        name="openapi",
        summary="Read this description (OpenAPI 3.1)",
        tag="docs",
    )
    return (own,)
