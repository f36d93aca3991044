"""Which headers of a client an upstream is sent where the configuration passes them on.

LiteLLM's `forward_client_headers_to_llm_api` sends every `x-` header but those of its clients'
library. Here none goes that says who the client is to us or to anybody else, that a proxy set, or
that would be read as an order; and nothing takes the place of a header of the gateway's own.
"""

import re
from collections.abc import Mapping

from hx_gateway.core.call import Call
from hx_gateway.core.http import Header
from hx_gateway.core.route import Deployment

_ANY = b"x-"
_FOR_OTHERS = (
    b"x-litellm-",
    b"x-hx-",
    b"x-stainless-",  # OpenAI's clients about themselves: LiteLLM keeps them, too
    # What proxies say of a client and of what it asked for.
    b"x-forwarded",
    b"x-original-",
    b"x-real-",
    b"x-remote-",
    b"x-rewrite-",
    b"x-ssl-",
    # Orders to whoever reads them.
    b"x-http-method",
    b"x-method-",
)
_SECRETS = re.compile(
    rb"token|secret|passw|cookie|credential|apikey|jwt|cert|signature|csrf|xsrf"
    rb"|(^|[-_])(auth(n|z|orization|entication)?|key|ip|session)([-_]|$)"
)
# They end in `key` or `session` and say nothing secret.
_HARMLESS = re.compile(rb"x-([a-z0-9-]+-)?(session-id|idempotency-key)")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


def passable(headers: Mapping[bytes, bytes], key_header: bytes | None = None) -> tuple[Header, ...]:
    """Give the headers that may go on; `key_header` is the one that brings keys, if configured."""
    here_only = {item.strip().lower() for item in headers.get(b"connection", b"").split(b",")}
    here_only.add(key_header or b"")
    return tuple(
        (name, value)
        for name, value in headers.items()
        if name.startswith(_ANY) and name not in here_only and _may_go(name, value)
    )


def _may_go(name: bytes, value: bytes) -> bool:
    if name.startswith(_FOR_OTHERS) or not _VALUE.fullmatch(value):
        return False
    return _HARMLESS.fullmatch(name) is not None or _SECRETS.search(name) is None


def with_passed(own: tuple[Header, ...], call: Call, deployment: Deployment) -> tuple[Header, ...]:
    """Add what the client sent to the gateway's own headers, which it cannot replace."""
    if not deployment.passes_headers or call.hints is None or not call.hints.headers:
        return own
    taken = {name.lower() for name, _ in own}
    return (*own, *(header for header in call.hints.headers if header[0] not in taken))
