"""The description is valid, complete, and says who may do what."""

from typing import Annotated, Any

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from tests.support.clock import FakeClock
from tests.support.keystore import SwitchedStore
from tests.support.web import Browser

from hx_gateway.core.http import Response
from hx_gateway.core.principal import Scope
from hx_gateway.core.snapshot import AuthSettings
from hx_gateway.manage.checks import Checkup
from hx_gateway.manage.directory import Directory
from hx_gateway.manage.keys import KeyService
from hx_gateway.usage.metrics import Metrics
from hx_gateway.web import directory, docs, health, keys, metrics, openapi
from hx_gateway.web.endpoint import Endpoint, Visit


class Body(msgspec.Struct):
    text: Annotated[str, msgspec.Meta(min_length=1)]
    extra: dict[str, object] = {}


class Query(msgspec.Struct):
    wanted: str
    limit: int = 5


async def nothing(visit: Visit) -> Response:
    return Response(200)


def endpoint(method: str, path: str, scope: Scope, **more: object) -> Endpoint:
    fields = {"handler": nothing, "name": path.strip("/"), "summary": "s", "tag": "t", **more}
    return Endpoint(method=method, path=path, scope=scope, **fields)  # type: ignore[arg-type]


def family() -> list[Endpoint]:
    store = SwitchedStore()
    return [
        *keys.endpoints(KeyService(store, FakeClock(), forget=lambda: None)),
        *directory.endpoints(Directory(store)),
        *health.endpoints(Checkup([], FakeClock())),
        *metrics.endpoints(Metrics("0"), AuthSettings()),
        *docs.endpoints(),
    ]


def made(*more: Endpoint) -> dict[str, Any]:
    encoded: dict[str, Any] = msgspec.json.decode(
        msgspec.json.encode(openapi.document([*family(), *more]))
    )
    return encoded


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for path in document["paths"].values() for one in path.values()]


def test_the_document_is_valid() -> None:
    OpenAPIV31SpecValidator(
        made(endpoint("POST", "/x/{id}", Scope.RAG_WRITE, body=Body))
    ).validate()


def test_the_validator_finds_what_is_wrong() -> None:
    broken = made()
    del broken["paths"]["/v1/keys"]["get"]["responses"]["200"]["description"]
    assert list(OpenAPIV31SpecValidator(broken).iter_errors())


def test_operation_ids_are_the_names_of_endpoints_and_unique() -> None:
    ids = [one["operationId"] for one in operations(made())]
    assert len(ids) == len(set(ids))
    assert set(ids) == {one.name for one in family() if one.listed}


@pytest.mark.parametrize(
    ("scope", "statuses", "schemes"),
    [
        (Scope.OPEN, set(), []),
        (Scope.ANY, {"401", "503"}, [{"bearer"}, {"apiKey"}]),
        (Scope.ADMIN, {"401", "403", "503"}, [{"bearer"}, {"apiKey"}]),
        (
            Scope.RAG_WRITE,
            {"401", "403", "503"},
            [{"bearer"}, {"apiKey"}, {"adminKey"}, {"bearer", "adminKey"}],
        ),
    ],
)
def test_scope_decides_on_credentials_and_errors(
    scope: Scope, statuses: set[str], schemes: list[set[str]]
) -> None:
    operation = made(endpoint("GET", "/x", scope))["paths"]["/x"]["get"]
    assert set(operation["responses"]) - {"200"} == statuses
    assert [set(one) for one in operation["security"]] == schemes


def test_body_and_query_are_described() -> None:
    operation = made(
        endpoint("POST", "/x/{id}/{rest:path}", Scope.ANY, body=Body, query=Query, errors=(409,))
    )["paths"]["/x/{id}/{rest}"]["post"]
    assert [(one["name"], one["in"], one["required"]) for one in operation["parameters"]] == [
        ("id", "path", True),
        ("rest", "path", True),
        ("wanted", "query", True),
        ("limit", "query", False),
    ]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/Body"}
    assert {"400", "401", "409", "413", "422"} <= set(operation["responses"])


def test_aliases_are_not_listed() -> None:
    assert "/x" not in made(endpoint("GET", "/x", Scope.ANY, listed=False))["paths"]


def test_a_type_that_has_no_schema_is_our_own_mistake() -> None:
    with pytest.raises(TypeError, match="no schema"):
        made(endpoint("POST", "/x", Scope.ANY, body=complex))


async def test_it_is_served_and_describes_itself() -> None:
    others = family()
    it = Browser(SwitchedStore()).open([*others, *openapi.endpoints(others)])
    answer = await it.get("/openapi.json", key=None)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert {"/openapi.json", "/healthz", "/v1/keys", "/docs"} <= set(answer.json["paths"])
    assert (await it.get("/openapi.json", key=None)).body == answer.body
