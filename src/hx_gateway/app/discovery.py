"""Finds model servers of one's own: on this machine by default, or those that `hx` names.

Runs after the start, in the background: nothing waits for it, and what it finds comes in by a
reload like any other change. Nodes that are known are looked at by `app/nodes.py`.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from urllib.parse import urlsplit

import msgspec

from hx_gateway.app.parts import Parts
from hx_gateway.config.compile import NODE_PROVIDERS
from hx_gateway.config.embedded import Found
from hx_gateway.core.errors import UpstreamError
from hx_gateway.core.http import Deadlines, HttpRequest, Origin, Sender
from hx_gateway.core.provider import Provider
from hx_gateway.core.snapshot import Snapshot
from hx_gateway.providers.registry import PROVIDERS
from hx_gateway.routing.sight import Sight

Seen = dict[str, dict[str, tuple[str, ...]]]  # provider -> base URL -> models
EVERY_S = 30.0
_DEADLINES = Deadlines(connect=1.0, first_byte=3.0, idle=3.0, total=5.0)


class _Model(msgspec.Struct):
    name: str | None = None
    id: str | None = None


class _Models(msgspec.Struct):
    models: list[_Model] = []
    data: list[_Model] = []


async def discover(snapshot: Snapshot, sender: Sender) -> Seen:
    """Ask each possible server which models it has; one that does not answer is left out."""
    seen: Seen = {}
    for provider, url in _candidates(snapshot):
        models = await _models(provider, url, sender)
        if models is not None:
            seen.setdefault(provider.name, {})[url] = models
    return seen


def _candidates(snapshot: Snapshot) -> Iterable[tuple[Provider, str]]:
    """Servers that are named; without a model list, the usual ports of this machine."""
    watched = {node.provider.name for node in snapshot.nodes}
    for name in sorted(NODE_PROVIDERS - watched):
        provider = PROVIDERS[name]
        named = _named(snapshot, name)
        if named:
            yield from ((provider, url) for url in named)
        elif snapshot.is_embedded and provider.models_path and provider.base_url:
            yield provider, provider.base_url


def _named(snapshot: Snapshot, provider: str) -> list[str]:
    return [
        f"{each.origin.scheme}://{each.origin.authority}"
        for route in snapshot.wildcards
        for each in route.deployments
        if each.provider.name == provider and each.origin.socket_path is None
    ]


async def _models(provider: Provider, url: str, sender: Sender) -> tuple[str, ...] | None:
    parts = urlsplit(url)
    default = 443 if parts.scheme == "https" else 80
    origin = Origin(
        scheme=parts.scheme, host=parts.hostname or "localhost", port=parts.port or default
    )
    request = HttpRequest(method="GET", path=f"{parts.path.rstrip('/')}{provider.models_path}")
    try:
        exchange = await sender.send(origin, request, _DEADLINES)
        try:
            body = await exchange.read()
        finally:
            exchange.close()
        answer = msgspec.json.decode(body, type=_Models)
    except (UpstreamError, msgspec.DecodeError):
        return None
    names = (model.name or model.id for model in (*answer.models, *answer.data))
    return tuple(sorted({name for name in names if name})) if exchange.status == 200 else None


class Discovery:
    """Keeps what was found: servers that answer here, and which models nodes have.

    What is new comes in by a reload, one at a time; what does not answer keeps its models.
    """

    def __init__(self, installed: Found) -> None:
        """Start with the parts that are installed."""
        self.found = installed
        self._has_news = asyncio.Event()

    async def run(
        self, parts: Parts, current: Callable[[], Snapshot], reload: Callable[[], Awaitable[bool]]
    ) -> None:
        """Look around now and then, and whenever a node's list of models changed."""
        parts.node_watch.on_models = lambda sight: self._heard(sight, current())
        while True:
            self._take(await discover(current(), parts.client))
            if self._has_news.is_set():
                self._has_news.clear()
                await reload()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._has_news.wait(), EVERY_S)

    def _heard(self, sight: Sight, snapshot: Snapshot) -> None:
        """Take over what a node has now, where all of its models are offered."""
        node = sight.node
        offered = (each.node for route in snapshot.wildcards for each in route.deployments)
        if node.name in offered:
            url = f"{node.origin.scheme}://{node.origin.authority}{node.base_path}"
            self._take({node.provider.name: {url: tuple(sorted(sight.installed or ()))}})

    def _take(self, seen: Seen) -> None:
        known = self.found.nodes
        if not differs(seen, known):
            return
        nodes = {name: {**known.get(name, {}), **urls} for name, urls in seen.items()}
        self.found = msgspec.structs.replace(self.found, nodes={**known, **nodes})
        self._has_news.set()


def differs(seen: Seen, known: Mapping[str, Mapping[str, tuple[str, ...]]]) -> bool:
    """Tell whether something new was found, or something known is gone for good."""
    return any(
        known.get(name, {}).get(url) != models
        for name, urls in seen.items()
        for url, models in urls.items()
    )
