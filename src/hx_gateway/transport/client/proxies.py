"""Which HTTP proxy leads to an upstream: a value read from the environment, and a decision."""

import base64
import ipaddress
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

import msgspec

from hx_gateway.core.errors import ConfigError
from hx_gateway.core.http import Origin
from hx_gateway.core.secret import Secret


class Proxy(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP proxy; `authorization` is the whole value of Proxy-Authorization."""

    host: str
    port: int
    authorization: Secret | None = None


class Proxies(msgspec.Struct, frozen=True, kw_only=True):
    """The proxies by the scheme of the upstream, and the hosts that are reached without one.

    `no_proxy` holds host names (a name covers its subdomains), addresses, networks, each with an
    optional `:port`, or `*`.
    """

    http: Proxy | None = None
    https: Proxy | None = None
    no_proxy: tuple[str, ...] = ()

    def choose(self, origin: Origin) -> Proxy | None:
        """Get the proxy for an upstream; None means straight.

        Loopback never goes through one: a proxy's own localhost is not ours (as Go's
        `httpproxy.Config` has it).
        """
        proxy = self.https if origin.scheme == "https" else self.http
        if proxy is None or origin.is_local:
            return None
        if any(_covers(rule, origin.host.lower(), origin.port) for rule in self.no_proxy):
            return None
        return proxy


def proxies_from(env: Mapping[str, str]) -> Proxies:
    """Read `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`; lower case wins over upper.

    Raises ConfigError, naming the variable and never its value, for a proxy that is not http://.
    """
    problems: list[str] = []
    http = _read(env, "http_proxy", problems) or _read(env, "all_proxy", problems)
    https = _read(env, "https_proxy", problems) or _read(env, "all_proxy", problems)
    if problems:
        raise ConfigError(tuple(dict.fromkeys(problems)))
    _, listed = _lookup(env, "no_proxy")
    rules = tuple(rule.strip().lower() for rule in listed.split(",") if rule.strip())
    return Proxies(http=http, https=https, no_proxy=rules)


def _lookup(env: Mapping[str, str], name: str) -> tuple[str, str]:
    found = name if name in env else name.upper()
    return found, env.get(found, "").strip()


def _read(env: Mapping[str, str], name: str, problems: list[str]) -> Proxy | None:
    found, value = _lookup(env, name)
    if not value:
        return None
    try:
        return _parse(value)
    except ValueError as error:
        problems.append(f"{found}: {error}")
        return None


def _parse(value: str) -> Proxy:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host, port = parts.hostname, parts.port
    except ValueError:  # its own message may quote the value, which may hold a password
        raise ValueError("not a proxy URL") from None
    if parts.scheme != "http":
        raise ValueError("only http:// proxies are supported")
    if not host:
        raise ValueError("not a proxy URL: it has no host")
    return Proxy(
        host=host,
        port=port or 80,
        authorization=_basic(parts.username or "", parts.password or ""),
    )


def _basic(user: str, password: str) -> Secret | None:
    if not user and not password:
        return None
    pair = f"{unquote(user)}:{unquote(password)}".encode()
    return Secret("Basic " + base64.b64encode(pair).decode("ascii"))


def _covers(rule: str, host: str, port: int) -> bool:
    if rule == "*":
        return True
    name, _, rule_port = rule.rpartition(":")
    if name and rule_port.isdigit() and (":" not in name or name.startswith("[")):
        if int(rule_port) != port:
            return False
        rule = name
    rule = rule.strip("[]").removeprefix("*").removeprefix(".")
    return host == rule or host.endswith(f".{rule}") or _in_network(host, rule)


def _in_network(host: str, rule: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(rule, strict=False)
    except ValueError:
        return False
