"""Split a request target into a decoded path and a raw query: once, and nothing is repaired.

What the application routes on is what was authorised: there is one decoding, no normalising, and
what a proxy in front might have read as another path is refused.
"""

import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from hx_gateway.transport.server.refusal import refuse

_PLAIN = re.compile(rb"/[A-Za-z0-9/_.~-]*+")
_PATH = re.compile(rb"/(?:[!$&-;=@-\[\]_a-z~]|%[0-9A-Fa-f]{2})*+")  # with "[" and "]", as sent
_QUERY = re.compile(rb"[!-\"$-~]*+")
_ABSOLUTE = re.compile(rb"https?://([^/?#]+)(.*)", re.IGNORECASE)
_ORDINARY = 128
_CONTROLS = bytes([*range(32), 127])


def split_target(target: bytes, host: bytes | None) -> tuple[str, str]:
    """Give path and query; raises Refusal. `host` is the Host field."""
    if len(target) <= _ORDINARY and target.startswith(b"/") and b"?" not in target:
        return _split_known(target)
    if not target.startswith(b"/"):
        target = _origin_form(target, host)
    return _split(target)


def _split(target: bytes) -> tuple[str, str]:
    path, _, query = target.partition(b"?")
    if not _PLAIN.fullmatch(path):
        path = _decode(path)
    if b"/." in path and not {b".", b".."}.isdisjoint(path.split(b"/")):
        raise refuse(400, "malformed_request", "The path holds dot segments.")
    if not _QUERY.fullmatch(query):
        raise refuse(400, "malformed_request", "The query holds characters that must be encoded.")
    return path.decode(), query.decode("ascii")


# A gateway is asked for few paths. What is kept is bounded (1024 of at most 128 bytes), and
# queries, which may hold secrets, are not.
_split_known = lru_cache(maxsize=1024)(_split)


def _origin_form(target: bytes, host: bytes | None) -> bytes:
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or host is None or absolute[1].lower() != host.lower():
        raise refuse(400, "malformed_request", "The request target is not a path of this host.")
    rest = absolute[2]
    return rest if rest.startswith(b"/") else b"/" + rest


def _decode(path: bytes) -> bytes:
    if not _PATH.fullmatch(path):
        raise refuse(400, "malformed_request", "The path holds characters that must be encoded.")
    plain = unquote_to_bytes(path)
    if len(plain.translate(None, _CONTROLS)) != len(plain):
        raise refuse(400, "malformed_request", "The path holds a control character.")
    try:
        plain.decode()
    except UnicodeDecodeError:
        raise refuse(400, "malformed_request", "The path is not UTF-8.") from None
    return plain
