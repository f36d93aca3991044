"""The document routes: `/v1/rag/search` and `/v1/rag/upsert`."""

from collections.abc import Iterable

from hx_gateway.auth.policy import allows_namespace
from hx_gateway.core.errors import Forbidden
from hx_gateway.core.http import Response
from hx_gateway.core.principal import Principal, Scope
from hx_gateway.rag.documents import SearchAnswer, SearchBody, UpsertAnswer, UpsertBody
from hx_gateway.rag.service import DocumentService
from hx_gateway.web.endpoint import Endpoint, Visit
from hx_gateway.web.respond import json_response

_TAG = "documents"


def endpoints(service: DocumentService) -> tuple[Endpoint, ...]:
    """List the routes of document search."""

    async def search(visit: Visit) -> Response:
        body: SearchBody = visit.body
        if body.namespace is not None:
            _check_namespaces(visit.caller, (body.namespace,))
        return json_response(await service.search(visit.caller, body, visit.id))

    async def upsert(visit: Visit) -> Response:
        body: UpsertBody = visit.body
        _check_namespaces(visit.caller, (document.space for document in body.documents))
        return json_response(await service.upsert(visit.caller, body, visit.id))

    return (
        Endpoint(
            method="POST",
            path="/v1/rag/search",
            scope=Scope.RAG_READ,
            handler=search,
            name="rag_search",
            summary="Find documents by meaning",
            tag=_TAG,
            body=SearchBody,
            answer=SearchAnswer,
            errors=(400, 403, 409, 422, 502, 503, 504),
        ),
        Endpoint(
            method="POST",
            path="/v1/rag/upsert",
            scope=Scope.RAG_WRITE,
            handler=upsert,
            name="rag_upsert",
            summary="Write documents",
            tag=_TAG,
            body=UpsertBody,
            answer=UpsertAnswer,
            errors=(400, 403, 409, 422, 502, 503, 504),
        ),
    )


def _check_namespaces(principal: Principal, namespaces: Iterable[str]) -> None:
    for namespace in namespaces:
        if not allows_namespace(principal, namespace):
            raise Forbidden(
                f"This key may not use the namespace '{namespace}'.",
                param="namespace",
                code="key_namespace_access_denied",
            )
