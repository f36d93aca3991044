"""Read the base URL of an upstream into an `Origin` and a base path."""

import re
from urllib.parse import SplitResult, urlsplit

from hx_gateway.core.http import Origin

_PORTS = {"http": 80, "https": 443}


def parse_base_url(url: str, *, verify_tls: bool = True) -> tuple[Origin, str]:
    """Split `https://host:port/v1` into where to connect and what precedes every path.

    Raises ValueError with a text that does not repeat the URL (it may hold a secret).
    """
    if any(char.isspace() or not char.isprintable() for char in url):
        raise ValueError("must not contain spaces or control characters")
    parts = _split(url)
    if parts.scheme not in _PORTS:
        raise ValueError("must start with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError("must not contain a user or password; put the credential into api_key")
    if parts.query or parts.fragment:
        raise ValueError("must not contain ? or #")
    if not parts.hostname:
        raise ValueError("has no host")
    port = parts.port
    origin = Origin(
        scheme=parts.scheme,
        host=parts.hostname,
        port=_PORTS[parts.scheme] if port is None else port,
        verify_tls=verify_tls,
    )
    return origin, parts.path.rstrip("/")


def split_version(url: str) -> tuple[str, str | None]:
    """Take `?api-version=V` off a URL, which vendors with several versions show it with."""
    plain, asks, query = url.partition("?")
    found = re.fullmatch(r"api-version=([A-Za-z0-9.-]+)", query)
    return (plain, found[1]) if asks and found is not None else (url, None)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # reading it checks it
    except ValueError:
        raise ValueError("is not a valid URL; write https://host:port/path") from None
    return parts
