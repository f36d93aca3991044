"""The node routes: which model servers there are, and what they shall hold."""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec

from hx_gateway.core import wire
from hx_gateway.core.errors import Garbled, GatewayError
from hx_gateway.core.http import Response
from hx_gateway.core.node import Progress
from hx_gateway.core.principal import Scope
from hx_gateway.dialects.openai_errors import envelope
from hx_gateway.manage.nodes import Download, NodeService, NodeView
from hx_gateway.web.endpoint import Endpoint, Handler, Visit
from hx_gateway.web.respond import json_response

NDJSON = (b"content-type", b"application/x-ndjson")
_TAG = "nodes"


class NodeList(msgspec.Struct, frozen=True, kw_only=True):
    """All nodes, in the order of the configuration."""

    object: str = "list"
    data: list[NodeView]


class ModelName(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model, as the node names it."""

    model: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class NodeRoutes:
    """Handlers of the node routes."""

    def __init__(self, service: NodeService) -> None:
        """Serve these use-cases."""
        self._service = service

    async def list(self, _visit: Visit) -> Response:
        """List nodes."""
        return json_response(NodeList(data=self._service.views()))

    async def show(self, visit: Visit) -> Response:
        """Show one node."""
        return json_response(self._service.view(visit.path["name"]))

    async def warm(self, visit: Visit) -> Response:
        """Load a model."""
        body: ModelName = visit.body
        return json_response(await self._service.warm(visit.path["name"], body.model))

    async def unload(self, visit: Visit) -> Response:
        """Drop a model from memory."""
        body: ModelName = visit.body
        return json_response(await self._service.unload(visit.path["name"], body.model))

    async def pull(self, visit: Visit) -> Response:
        """Download a model; the progress comes line by line."""
        body: ModelName = visit.body
        download = await self._service.pull(visit.path["name"], body.model)
        lines = ProgressLines(download, visit.id)
        await lines.begin()
        return Response(200, headers=[NDJSON], chunks=lines)


class ProgressLines:
    """A download's steps as lines of JSON; one that fails ends with a line that holds `error`."""

    def __init__(self, download: Download, request_id: str) -> None:
        """Owns the download."""
        self._download = download
        self._steps = download.steps()
        self._request_id = request_id
        self._first: Progress | None = None
        self._is_over = False

    async def begin(self) -> None:
        """Wait for the first step, so that a refusal has its own status; raises GatewayError."""
        try:
            self._first = await anext(self._steps)
        except StopAsyncIteration:
            await self.aclose()
            raise Garbled("The node said nothing.") from None
        except GatewayError:
            await self.aclose()
            raise

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over itself."""
        return self

    async def __anext__(self) -> bytes:
        """Give one line."""
        if self._is_over:
            raise StopAsyncIteration
        step, self._first = self._first, None
        try:
            return wire.encode(step or await anext(self._steps)) + b"\n"
        except GatewayError as error:
            self._is_over = True
            return envelope(error, self._request_id) + b"\n"

    async def aclose(self) -> None:
        """Stop; the node stops with us."""
        self._is_over = True
        await self._steps.aclose()
        self._download.close()


def endpoints(service: NodeService) -> tuple[Endpoint, ...]:
    """Make the endpoints of the family."""
    routes = NodeRoutes(service)
    return (
        _node("GET", "", "list_nodes", routes.list, "List model servers of one's own", NodeList),
        _node("GET", "/{name}", "get_node", routes.show, "Show a node"),
        _node("POST", "/{name}/warm", "warm_node", routes.warm, "Load a model into memory"),
        _node("POST", "/{name}/unload", "unload_node", routes.unload, "Drop a model from memory"),
        _node(
            "POST",
            "/{name}/pull",
            "pull_to_node",
            routes.pull,
            "Download a model; progress comes as lines of JSON",
            Progress,
            media_type="application/x-ndjson",
        ),
    )


def _node(
    method: str,
    path: str,
    name: str,
    handler: Handler,
    summary: str,
    answer: type = NodeView,
    *,
    media_type: str = "application/json",
) -> Endpoint:
    changes = method == "POST"
    return Endpoint(
        method=method,
        path=f"/v1/nodes{path}",
        scope=Scope.ADMIN,
        handler=handler,
        name=name,
        summary=summary,
        tag=_TAG,
        body=ModelName if changes else None,
        answer=answer,
        media_type=media_type,
        errors=(400, 404, 422, 502, 503, 504) if changes else ((404,) if path else ()),
    )
