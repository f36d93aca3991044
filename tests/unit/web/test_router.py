"""Paths and methods."""

import pytest

from hx_gateway.core.errors import MethodNotAllowed, NotFound
from hx_gateway.core.http import Response
from hx_gateway.core.principal import Scope
from hx_gateway.web.endpoint import Endpoint, Visit
from hx_gateway.web.router import Router


async def handler(visit: Visit) -> Response:
    return Response(200)


def endpoint(method: str, path: str) -> Endpoint:
    return Endpoint(
        method=method,
        path=path,
        scope=Scope.ANY,
        handler=handler,
        name=f"{method} {path}",
        summary="",
        tag="test",
    )


ROUTER = Router(
    [
        endpoint("GET", "/v1/models"),
        endpoint("POST", "/v1/models"),
        endpoint("GET", "/v1/models/{model:path}"),
        endpoint("DELETE", "/v1/things/{id}"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "name", "values"),
    [
        ("GET", "/v1/models", "GET /v1/models", {}),
        ("HEAD", "/v1/models", "GET /v1/models", {}),
        ("GET", "/v1/models/a/b", "GET /v1/models/{model:path}", {"model": "a/b"}),
        ("DELETE", "/v1/things/7", "DELETE /v1/things/{id}", {"id": "7"}),
        ("GET", "/v1/models/", "GET /v1/models", {}),
        ("GET", "/v1/models/a/", "GET /v1/models/{model:path}", {"model": "a"}),
        ("DELETE", "/v1/things/7/", "DELETE /v1/things/{id}", {"id": "7"}),
    ],
)
def test_an_endpoint_is_found(method: str, path: str, name: str, values: dict[str, str]) -> None:
    found, caught = ROUTER.find(method, path)
    assert found.name == name
    assert dict(caught) == values


@pytest.mark.parametrize(
    "path", ["/", "//", "", "/v1", "/v1/models//", "/v1//models", "/v1/things/7/8", "/V1/models"]
)
def test_what_is_not_there_is_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        ROUTER.find("GET", path)


def test_a_wrong_method_tells_the_right_ones() -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        ROUTER.find("DELETE", "/v1/models")
    assert caught.value.allow == ("GET", "HEAD", "POST")


def test_two_endpoints_on_one_place_do_not_start() -> None:
    with pytest.raises(ValueError, match="two endpoints"):
        Router([endpoint("GET", "/a"), endpoint("GET", "/a")])
