"""Normalise the address of a Redis: of one server, of Sentinels, or of nodes of a Cluster.

Pure text work, as in `dsn`.
"""

import re

import msgspec

from hx_gateway.config.dsn import Address, BrokenUrl, parse_address, with_port

SENTINEL, CLUSTER = "sentinel", "cluster"
_SCHEMES = {"redis": "redis", "rediss": "rediss", "valkey": "redis", "valkeys": "rediss"}
# The last part of the path is the number of a database; that of Sentinels begins with the service.
_PATHS = {
    "": (r"/?|/\d+/?", "the path must be the number of the database, such as /0"),
    SENTINEL: (r"/(?!\d+/?\Z)[^/]+(?:/\d+)?/?", "write redis+sentinel://host,host/service/0"),
    CLUSTER: (r"/?|/0/?", "a Cluster has no databases; leave the path out"),
}
# What redis-py takes from a URL, for connections of each kind; it fails at any other.
_ANYWHERE = frozenset({"client_name", "health_check_interval", "protocol", "socket_keepalive"})
_ALONE = frozenset(
    {
        "db",
        "decode_responses",
        "encoding",
        "encoding_errors",
        "max_connections",
        "password",
        "retry_on_timeout",
        "socket_connect_timeout",
        "socket_timeout",
        "username",
    }
)
_TLS = frozenset(
    {"ssl_ca_certs", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile"}
)


def parse_redis(text: str) -> Address:
    """Read a Redis or Valkey URL; raises BrokenUrl.

    `redis+sentinel://` has the name of the service as its path, before the database, if any.
    """
    address = parse_address(text, what="Redis")
    scheme, kind = _SCHEMES.get(address.scheme), _kind(text)
    _check_parameters(address, kind, with_tls=scheme == "rediss")
    if address.scheme == "unix":
        return address
    if scheme is None:
        raise BrokenUrl(f"{address.scheme}:// is not supported; write redis:// or rediss://")
    if not address.hosts:
        raise BrokenUrl("the host is missing; write redis://host:6379/0")
    pattern, advice = _PATHS[kind]
    if not re.fullmatch(pattern, address.path):
        raise BrokenUrl(advice)
    return msgspec.structs.replace(
        address,
        scheme=f"{scheme}+{kind}" if kind else scheme,
        hosts=with_port(address.hosts, 26379 if kind == SENTINEL else 6379),
    )


def _check_parameters(address: Address, kind: str, *, with_tls: bool) -> None:
    known = _ANYWHERE | (frozenset() if kind else _ALONE) | (_TLS if with_tls else frozenset())
    for name, _ in address.query:
        if name in _TLS and not with_tls:
            raise BrokenUrl(f"parameter {name} is for TLS; write rediss://")
        if name not in known:
            names = ", ".join(sorted(known))
            raise BrokenUrl(f"parameter {name[:40]} has no meaning here; known are {names}")


def same_redis(address: Address) -> Address:
    """Give what two spellings of one Redis have in common: database 0, and the user of nobody."""
    path = address.path.removesuffix("/")
    user = None if address.user in {"", "default"} else address.user
    return msgspec.structs.replace(address, path="" if path == "/0" else path, user=user)


def database_of(url: str) -> int:
    """Give the number of the database in a normalised URL."""
    last = url.partition("?")[0].rstrip("/").rpartition("/")[2]
    return int(last) if last.isdecimal() else 0


def is_cluster(url: str) -> bool:
    """Whether a normalised URL names nodes of a Cluster."""
    return _kind(url) == CLUSTER


def _kind(text: str) -> str:
    kind = text.partition("://")[0].partition("+")[2]
    return kind if kind in _PATHS else ""
