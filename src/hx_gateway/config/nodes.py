"""Compile the model servers of one's own: which deployments are on which node, and its name."""

import re
from collections.abc import Iterable, Mapping

import msgspec

from hx_gateway.config.document import Node as Yaml
from hx_gateway.config.embedded import full_url, url_of
from hx_gateway.config.fields import FieldReader
from hx_gateway.config.models import Entry
from hx_gateway.config.origin import parse_base_url
from hx_gateway.config.report import Place, Report
from hx_gateway.core.http import Origin
from hx_gateway.core.node import NodeWire
from hx_gateway.core.provider import Provider
from hx_gateway.core.route import Deployment, Node
from hx_gateway.core.snapshot import FleetSettings

# It stands in a header and in the path of a route.
_GOOD_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RULE = "letters, digits, dots, dashes and underscores, 64 at most"
MEMBERS = ("name", "url", "parallel")
Address = tuple[Origin, str]


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the configuration says of one server."""

    name: str | None = None
    parallel: int | None = None
    place: Place


def read_wishes(
    root: Yaml, providers: Mapping[str, Provider], kinds: Iterable[str], report: Report
) -> dict[Address, Wish]:
    """Read `hx.<provider>: [url, {url, name, parallel}]`, by address; broken ones are reported."""
    wishes: dict[Address, Wish] = {}
    for kind in kinds:
        listed = root.find(f"hx.{kind}")
        for index, item in enumerate(listed.items() if listed is not None else ()):
            base_url = providers[kind].base_url
            _read_wish(item, f"hx.{kind}[{index}]", base_url, wishes, report)
    return wishes


def _read_wish(
    item: Yaml, path: str, base_url: str | None, wishes: dict[Address, Wish], report: Report
) -> None:
    url = url_of(item)
    if url is None:
        report.problem(item.place, path, "has no url; write an address, or {name, url, parallel}")
        return
    reader = FieldReader(item, path, report)
    for name, member in item.members():
        if name not in MEMBERS:
            known = ", ".join(MEMBERS)
            report.problem(member.place, f"{path}.{name}", f"unknown setting; known are {known}")
    try:
        address = parse_base_url(full_url(str(url.value), base_url))
    except ValueError as error:
        report.problem(url.place, path, str(error))
        return
    wishes[address] = Wish(
        name=reader.text("name"), parallel=reader.whole("parallel", low=1), place=item.place
    )


def compile_nodes(
    entries: Iterable[Entry],
    wishes: Mapping[Address, Wish],
    settings: FleetSettings,
    report: Report,
) -> tuple[list[Entry], tuple[Node, ...]]:
    """Find the nodes that deployments are on; give the deployments with their node's name."""
    fleet = _Fleet(wishes, settings, report)
    return [fleet.place(entry) for entry in entries], tuple(fleet.nodes.values())


class _Fleet:
    def __init__(
        self, wishes: Mapping[Address, Wish], settings: FleetSettings, report: Report
    ) -> None:
        self.nodes: dict[tuple[str, Address], Node] = {}
        self._wishes = wishes
        self._settings = settings
        self._report = report
        self._taken: dict[str, tuple[str, Address]] = {}

    def place(self, entry: Entry) -> Entry:
        """Give the entry with the name of its node; others as they are."""
        deployment = entry.deployment
        wire = deployment.provider.node
        if wire is None or deployment.origin.socket_path or deployment.canned is not None:
            return entry
        node = self._node(entry, wire)
        # Asked to refuse, the server itself sees what an estimate would miss.
        defaults = deployment.defaults
        if self._settings.context == "refuse":
            defaults = {**wire.refusing, **defaults}
        placed = msgspec.structs.replace(deployment, node=node.name, defaults=defaults)
        return msgspec.structs.replace(entry, deployment=placed)

    def _node(self, entry: Entry, wire: NodeWire) -> Node:
        deployment = entry.deployment
        kind = deployment.provider.name
        key = (kind, (deployment.origin, deployment.base_path))
        known = self.nodes.get(key)
        if known is not None:
            return self._with_wishes(known, key, entry)
        wish = self._wishes.get(key[1])
        number = sum(node.provider.name == kind for node in self.nodes.values()) + 1
        named = (wish.name if wish else None) or _text(deployment, "node")
        name = self._own_name(named or f"{kind}-{number}", key, wish.place if wish else entry.place)
        node = self.nodes[key] = Node(
            name=name,
            provider=deployment.provider,
            wire=wire,
            origin=deployment.origin,
            base_path=deployment.base_path,
            credential=deployment.credential,
            headers=deployment.headers,
            parallel=(wish.parallel if wish else None)
            or _number(deployment, "num_parallel")
            or self._settings.parallel
            or None,
        )
        return node

    def _with_wishes(self, known: Node, key: tuple[str, Address], entry: Entry) -> Node:
        """Take over what a later deployment of the same node says about it."""
        parallel = _number(entry.deployment, "num_parallel")
        if parallel is not None and known.parallel is None:
            known = self.nodes[key] = msgspec.structs.replace(known, parallel=parallel)
        return known

    def _own_name(self, name: str, key: tuple[str, Address], place: Place) -> str:
        if not _GOOD_NAME.fullmatch(name):
            self._report.problem(place, "", f"{name!r} is no name of a node: {_RULE}")
        if self._taken.setdefault(name, key) == key:
            return name
        self._report.problem(
            place, "", f"two nodes are named {name!r}; give each a name of its own"
        )
        return name


def _text(deployment: Deployment, name: str) -> str | None:
    value = deployment.info.get(name)
    return None if value is None else str(msgspec.json.decode(value)) or None


def _number(deployment: Deployment, name: str) -> int | None:
    value = deployment.info.get(name)
    number = None if value is None else msgspec.json.decode(value)
    return number if isinstance(number, int) and number > 0 else None
