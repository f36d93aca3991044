"""Put the address of a Redis together from settings that name its parts, as LiteLLM's do.

Its rules: what a section does not say, the environment may (`REDIS_PASSWORD` for its `host`); nodes
of a Cluster go before Sentinels, and both before a host.
"""

from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote

import msgspec

from hx_gateway.config.document import Node
from hx_gateway.config.dsn import Address
from hx_gateway.config.environment import Environment
from hx_gateway.config.redis_url import CLUSTER, SENTINEL
from hx_gateway.config.report import Place, Report
from hx_gateway.config.scalar import read_bool
from hx_gateway.config.settings import Candidate

_PARAMS = "litellm_settings.cache_params"
_ROUTER = "router_settings"
_TLS = ("ssl_ca_certs", "ssl_cert_reqs", "ssl_check_hostname")
_Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Part = Callable[[str], str | None]


class _Node(msgspec.Struct, frozen=True):
    host: str
    port: _Port = 6379


class RedisParts:
    """Finds the places that name parts of an address."""

    def __init__(self, root: Node, environment: Environment, report: Report) -> None:
        """Keep the sources."""
        self._root = root
        self._environment = environment
        self._report = report

    def addresses(self) -> list[Candidate]:
        """Give an address for each place that has one."""
        found = [
            candidate
            for kind, source in (
                (CLUSTER, self._source("redis_startup_nodes", "REDIS_CLUSTER_NODES")),
                (SENTINEL, self._source("sentinel_nodes", "REDIS_SENTINEL_NODES")),
            )
            if source is not None and (candidate := self._nodes(kind, source)) is not None
        ]
        return found[:1] or self._hosts()

    def _source(self, key: str, variable: str) -> Candidate | None:
        node = self._root.find(f"{_PARAMS}.{key}")
        if node is not None and node.plain():
            return Candidate(node.plain(), node.place, f"{_PARAMS}.{key}")
        told = self._environment.get(variable)
        return None if told is None else Candidate(told.value, told.place, variable)

    def _nodes(self, kind: str, source: Candidate) -> Candidate | None:
        try:
            hosts = _hosts_of(kind, source.value)
        except (msgspec.ValidationError, msgspec.DecodeError):
            wanted = '[["host", 26379]]' if kind == SENTINEL else '[{"host": "h", "port": 6379}]'
            self._report.problem(source.place, source.name, f"must be a list such as {wanted}")
            return None
        part, path = self._part(_PARAMS, "", "REDIS"), ""
        if kind == SENTINEL:
            service = part("service_name")
            if service is None:
                text = "is set, but service_name is not: the name of the primary that they watch"
                self._report.problem(source.place, source.name, text)
                return None
            path = f"/{quote(service, safe='')}/{part('db') or 0}"
        # LiteLLM gives the Sentinels' password to the primary as well, unless that has its own.
        password = part("password") or (part("sentinel_password") if kind == SENTINEL else None)
        url = self._url(part, source.place, ",".join(hosts), kind, path, password)
        return Candidate(url, source.place, source.name)

    def _hosts(self) -> list[Candidate]:
        families = ["REDIS"]
        type_ = self._root.find(f"{_PARAMS}.type")
        if type_ is not None and type_.value == "valkey-semantic":
            families.append("VALKEY")  # LiteLLM reads these for that type only
        found = [
            self._host(self._part(None, "", family), host.place, f"{family}_HOST")
            for family in families
            if (host := self._environment.get(f"{family}_HOST")) is not None
        ]
        for section, prefix, family in (
            (_ROUTER, "redis_", "REDIS"),
            (_PARAMS, "", families[-1]),
        ):
            name = f"{section}.{prefix}host"
            if (node := self._root.find(name)) is not None:
                part = self._part(section, prefix, family)
                found.append(self._host(part, node.place, name))
        return found

    def _host(self, part: Part, place: Place, name: str) -> Candidate:
        host, port = part("host") or "", part("port")
        path = f"/{part('db')}" if part("db") else ""
        hosts = f"{host}:{port}" if port else host
        url = self._url(part, place, hosts, "", path, part("password"))
        return Candidate(url, place, name)

    def _part(self, section: str | None, prefix: str, family: str) -> Part:
        def part(name: str) -> str | None:
            node = self._root.find(f"{section}.{prefix}{name}") if section is not None else None
            if node is None or node.value is None:
                return self._environment.text(f"{family}_{name.upper()}")
            return str(node.value)

        return part

    def _url(
        self, part: Part, place: Place, hosts: str, kind: str, path: str, password: str | None
    ) -> str:
        try:
            tls = read_bool(part("ssl") or "false")
        except ValueError as error:
            self._report.problem(place, "REDIS_SSL", str(error))
            tls = False
        told = [(name, value) for name in _TLS if tls and (value := part(name)) is not None]
        scheme = "rediss" if tls else "redis"
        return Address(
            scheme=f"{scheme}+{kind}" if kind else scheme,
            user=part("username"),
            password=password,
            hosts=hosts,
            path=path,
            query=tuple((name, _tls(name, value)) for name, value in told),
        ).text()


def _hosts_of(kind: str, value: object) -> list[str]:
    """Read a list of nodes, or a JSON text of one; raises what msgspec does."""
    if isinstance(value, str):
        value = msgspec.json.decode(value)
    nodes: list[tuple[str, int]]
    if kind == SENTINEL:
        nodes = msgspec.convert(value, list[tuple[str, _Port]], strict=False)
    else:
        starts = msgspec.convert(value, list[_Node], strict=False)
        nodes = [(node.host, node.port) for node in starts]
    if not nodes:
        raise msgspec.ValidationError
    return [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in nodes]


def _tls(name: str, value: str) -> str:
    """Write a setting as redis-py takes it; LiteLLM also has the names that Python's ssl has."""
    return value.lower().removeprefix("cert_") if name == "ssl_cert_reqs" else value
