"""The use-cases of nodes: list them, load, drop, fetch models. Callers know names, no addresses."""

from collections.abc import AsyncGenerator

import msgspec

from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import InvalidRequest, NotFound, Rejected, UpstreamError
from hx_gateway.core.http import Deadlines, Exchange, HttpRequest, Sender
from hx_gateway.core.node import Progress
from hx_gateway.core.route import Node
from hx_gateway.dialects.ndjson import LineParser
from hx_gateway.routing.fleet import Fleet
from hx_gateway.routing.sight import Sight

# Loading can take minutes, and a download hours; what hangs is noticed between two lines.
_LOAD = Deadlines(connect=5.0, first_byte=900.0, idle=60.0, total=1000.0)
_FETCH = Deadlines(connect=5.0, first_byte=60.0, idle=600.0, total=None)
_OK = 200


class ModelView(msgspec.Struct, frozen=True, kw_only=True):
    """A model on a node. `context`: its window where known. Bytes; `vram` of those in memory.

    `in_flight` and `waiting` are this process's, which has its share of the `parallel` places when
    more than one uses them (`sharers`).
    """

    name: str
    size: int = 0
    resident: bool = False
    context: int | None = None
    vram: int = 0
    expires_at: str | None = None
    in_flight: int = 0
    waiting: int = 0
    parallel: int | None = None
    sharers: int = 1


class NodeView(msgspec.Struct, frozen=True, kw_only=True):
    """A node as people see it: no address. `state`: awake, asleep, unknown."""

    name: str
    provider: str
    state: str
    version: str | None
    heard_s: float | None
    in_flight: int
    models: list[ModelView]


class NodeService:
    """Reads the fleet's book, and tells nodes what to do."""

    def __init__(self, fleet: Fleet, sender: Sender, clock: Clock) -> None:
        """Serve the nodes of the current snapshot."""
        self._fleet = fleet
        self._sender = sender
        self._clock = clock

    def views(self) -> list[NodeView]:
        """Describe every node."""
        return [self._view(sight) for sight in self._fleet.sights.values()]

    def view(self, name: str) -> NodeView:
        """Describe one; raises NotFound."""
        return self._view(self._find(name))

    async def warm(self, name: str, model: str) -> NodeView:
        """Load a model into a node's memory; raises NotFound, or what the node said."""
        sight = self._find(name)
        wire = sight.node.wire
        embeds_only = sight.embeds_only(wire.full_name(model))
        await self._tell(sight.node, wire.warm(_named(model), embeds_only=embeds_only))
        sight.holds(wire.full_name(model))
        self._fleet.on_suspect(name)
        return self._view(sight)

    async def unload(self, name: str, model: str) -> NodeView:
        """Drop a model from a node's memory."""
        sight = self._find(name)
        await self._tell(sight.node, sight.node.wire.unload(_named(model)))
        sight.drops(sight.node.wire.full_name(model))
        self._fleet.on_suspect(name)
        return self._view(sight)

    async def pull(self, name: str, model: str) -> "Download":
        """Start to download a model to a node; iterate over what it gives for the progress."""
        sight = self._find(name)
        request = request_to(sight.node, sight.node.wire.pull(_named(model)))
        exchange = await self._sender.send(sight.node.origin, request, _FETCH)
        await _check(sight.node, exchange)
        return Download(sight, exchange, self._fleet)

    def _find(self, name: str) -> Sight:
        sight = self._fleet.sights.get(name)
        if sight is None:
            raise NotFound("There is no such node. GET /v1/nodes lists them.")
        return sight

    async def _tell(self, node: Node, request: HttpRequest) -> None:
        exchange = await self._sender.send(node.origin, request_to(node, request), _LOAD)
        await _check(node, exchange)
        try:
            await exchange.read()
        finally:
            exchange.close()

    def _view(self, sight: Sight) -> NodeView:
        now = self._clock.monotonic()
        names = dict.fromkeys([*(sight.installed or ()), *sight.resident])
        return NodeView(
            name=sight.node.name,
            provider=sight.node.provider.name,
            state=sight.state.value,
            version=sight.version,
            heard_s=None if sight.heard_at is None else round(now - sight.heard_at, 3),
            in_flight=self._fleet.in_flight(sight.node.name),
            models=[self._model(sight, name, now) for name in names],
        )

    def _model(self, sight: Sight, name: str, now: float) -> ModelView:
        installed, resident = (sight.installed or {}).get(name), sight.resident.get(name)
        place = (sight.node.name, name)
        spot = self._fleet.spot(place)
        return ModelView(
            name=name,
            size=installed.size if installed else 0,
            resident=resident is not None,
            context=sight.window(name),
            vram=resident.vram if resident else 0,
            expires_at=resident.expires_at if resident else None,
            in_flight=spot.busy if spot else 0,
            waiting=self._fleet.line.count(place),
            parallel=spot.limit(now) if spot else sight.node.parallel,
            sharers=self._fleet.sharers(place),
        )


class Download:
    """A download under way. Whoever takes it iterates and closes it."""

    def __init__(self, sight: Sight, exchange: Exchange, fleet: Fleet) -> None:
        """Owns the exchange."""
        self._sight = sight
        self._exchange = exchange
        self._fleet = fleet

    async def steps(self) -> AsyncGenerator[Progress, None]:
        """Give each step; raises UpstreamError when it fails."""
        lines = LineParser()
        read = self._sight.node.wire.read_progress
        while data := await self._exchange.receive():
            for line in lines.feed(data):
                yield read(line)
        for line in lines.end():
            yield read(line)

    def close(self) -> None:
        """Stop; what is on the node already stays there for the next time."""
        self._exchange.close()
        self._fleet.on_suspect(self._sight.node.name)


def request_to(node: Node, request: HttpRequest) -> HttpRequest:
    """Complete a request with what the node's deployments send: its path and its credential."""
    return msgspec.structs.replace(
        request,
        path=node.base_path + request.path,
        headers=(
            *request.headers,
            *node.provider.auth.headers(node.credential),
            *node.headers,
        ),
    )


def _named(model: str) -> str:
    if not model.strip() or not model.isprintable():
        raise InvalidRequest("'model' must name a model.", param="model")
    return model


async def _check(node: Node, exchange: Exchange) -> None:
    """Raise what the node said when it refused."""
    if exchange.status == _OK:
        return
    try:
        text = node.wire.complaint(await exchange.read())
    finally:
        exchange.close()
    if exchange.status < 500:
        raise Rejected(text or "The node refused.", status=exchange.status)
    raise UpstreamError(text or "The node failed.", upstream_status=exchange.status)
