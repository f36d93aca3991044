"""Read the key out of a request's headers; decides nothing about it."""

from collections.abc import Mapping

ADMIN_HEADER = b"x-hx-admin-key"
KEY_HEADERS = (b"api-key", b"x-api-key", b"x-goog-api-key")
OWN_HEADER = b"x-litellm-api-key"
AUTHORIZATION = b"authorization"
_SCHEME = b"bearer "


def read_key(headers: Mapping[bytes, bytes], own_header: bytes | None = None) -> bytes | None:
    """Read the first key that is there; None without one.

    Order: `own_header` (configured), `x-litellm-api-key`, `Authorization: Bearer`, then the headers
    of the Azure, Anthropic and Google SDKs. An Authorization of another scheme is no key of ours
    and is passed over: a proxy in front may have its own use for it.
    """
    value = headers.get(OWN_HEADER) if own_header is None else _configured(headers, own_header)
    if value is not None and (key := _bare(value)):
        return key
    value = headers.get(AUTHORIZATION)
    if value is not None and value[:7].lower() == _SCHEME and (key := value[7:].strip()):
        return key
    for name in KEY_HEADERS:
        value = headers.get(name)
        if value is not None and (key := _bare(value)):
            return key
    return None


def _configured(headers: Mapping[bytes, bytes], own_header: bytes) -> bytes | None:
    return headers.get(own_header) or headers.get(OWN_HEADER)


def _bare(value: bytes) -> bytes:
    """Take the key with or without a scheme before it: SDKs send both."""
    return (value[7:] if value[:7].lower() == _SCHEME else value).strip()
