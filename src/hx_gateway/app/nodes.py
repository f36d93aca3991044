"""Looks at the model servers of one's own now and then: cheap questions, never a generated word.

Each node has a task of its own, so that one that hangs delays no other. What it finds goes into
the fleet's book; what changed in the lists of models is told on.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from hx_gateway.core.clock import Clock, Random
from hx_gateway.core.errors import Garbled, Unreachable, UpstreamError
from hx_gateway.core.http import Deadlines, HttpRequest, Sender
from hx_gateway.core.node import Shown
from hx_gateway.core.route import Node
from hx_gateway.core.tasks import spawn
from hx_gateway.manage.nodes import request_to
from hx_gateway.routing.fleet import Fleet
from hx_gateway.routing.sight import NodeState, Sight
from hx_gateway.usage.node_metrics import NodeNumbers

T = TypeVar("T")

_log = logging.getLogger(__name__)
_DEADLINES = Deadlines(connect=1.0, first_byte=2.0, idle=2.0, total=3.0)
LISTS_EVERY = 5  # looks between two looks at the list of models: it may change, but seldom does
SHOWN_AT_ONCE = 4  # models asked about in one round: a node may have hundreds
LONGEST_S = 5.0  # between two looks at a node that is away: it is used seconds after it woke
_NOT_FOUND = 404


class NodeWatch:
    """The tasks that look at nodes. `on_models` is told of a node whose list of models changed."""

    def __init__(self, fleet: Fleet, sender: Sender, clock: Clock, random: Random) -> None:
        """Nobody is looked at before `watch`."""
        self._fleet = fleet
        self._sender = sender
        self._clock = clock
        self._random = random
        self._poll_s = 2.0
        self._tasks: dict[str, tuple[Node, asyncio.Task[None]]] = {}
        self._pokes: dict[str, asyncio.Event] = {}
        self.on_models: Callable[[Sight], None] = _unheard
        self.on_wake: Callable[[str], None] = _unheard
        fleet.on_suspect = self.poke

    def watch(self, nodes: Iterable[Node], poll_s: float) -> None:
        """Look at these from now on, and at no others."""
        self._poll_s = poll_s
        wanted = {node.name: node for node in nodes}
        for name, (node, task) in list(self._tasks.items()):
            if wanted.get(name) != node:
                task.cancel()
                del self._tasks[name]
        for name, node in wanted.items():
            if name not in self._tasks:
                self._pokes[name] = asyncio.Event()
                task = spawn(self._look(node), name=f"node {name}")
                self._tasks[name] = (node, task)

    def poke(self, name: str) -> None:
        """Look at a node now."""
        poke = self._pokes.get(name)
        if poke is not None:
            poke.set()

    def stop(self) -> None:
        """Look at nobody any more."""
        self.watch((), self._poll_s)

    async def _look(self, node: Node) -> None:
        rounds = misses = 0
        while True:
            sight = self._fleet.sights.get(node.name)
            if sight is not None:
                is_there = await self._ask_all(sight, rounds)
                misses = 0 if is_there else misses + 1
                rounds = rounds + 1 if is_there else 0
            await self._pause(node.name, misses)

    async def _pause(self, name: str, misses: int) -> None:
        seconds = self._poll_s
        if misses:
            seconds = min(seconds * 2.0 ** (misses - 1), max(seconds, LONGEST_S))
        poke = self._pokes[name]
        woken = spawn(poke.wait(), name="poke")
        slept = spawn(self._clock.sleep(seconds * (0.8 + 0.4 * self._random.random())), name="nap")
        try:
            await asyncio.wait((woken, slept), return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
            slept.cancel()
        poke.clear()

    async def _ask_all(self, sight: Sight, rounds: int) -> bool:
        """Ask what is due; says whether the node answered."""
        node, wire = sight.node, sight.node.wire
        try:
            body = await self._ask(node, wire.ask_resident(), or_404=b'{"models": []}')
            resident = wire.read_resident(body)
            if self._fleet.heard(node.name, resident, self._clock.monotonic()):
                rounds = 0
                _log.info("node %s answers", node.name)
                self.on_wake(node.name)
            if not rounds:
                sight.version = await self._told(node, wire.ask_version(), wire.read_version)
            if rounds % LISTS_EVERY == 0:
                installed = await self._told(node, wire.ask_installed(), wire.read_installed)
                if installed is not None and sight.has(installed):
                    self.on_models(sight)
            for model in sight.unseen()[:SHOWN_AT_ONCE]:
                shown = await self._told(node, wire.show(model.name), wire.read_shown)
                sight.shown[model.name, model.digest] = shown or Shown()
        except UpstreamError as fault:
            if self._fleet.missed(node.name, refused=isinstance(fault, Unreachable)):
                _log.warning("node %s does not answer", node.name)
            return False
        return True

    async def _told(self, node: Node, request: HttpRequest, read: Callable[[bytes], T]) -> T | None:
        """Ask what a node can be used without; None when it does not tell it properly."""
        try:
            return read(await self._ask(node, request))
        except Garbled:
            return None

    async def _ask(self, node: Node, request: HttpRequest, or_404: bytes | None = None) -> bytes:
        """Give the body of a good answer; `or_404` is what older servers mean by not having it."""
        exchange = await self._sender.send(node.origin, request_to(node, request), _DEADLINES)
        try:
            body = await exchange.read()
        finally:
            exchange.close()
        if exchange.status == _NOT_FOUND and or_404 is not None:
            return or_404
        if exchange.status != 200:
            raise Garbled("The node answered with an unexpected status.")
        return body


def _unheard(_what: object) -> None:
    pass


def node_numbers(fleet: Fleet) -> Iterable[NodeNumbers]:
    """Give the numbers of each node, for the metrics."""
    waited_for = fleet.line.places()
    for name, sight in fleet.sights.items():
        yield NodeNumbers(
            name=name,
            up=sight.state is NodeState.AWAKE,
            resident=len(sight.resident),
            in_flight=fleet.in_flight(name),
            queued=sum(fleet.line.count(place) for place in waited_for if place[0] == name),
        )
