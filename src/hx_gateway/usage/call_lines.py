"""The log line of a call: one JSON object, written with as few steps as can be.

There is one for every call, so it is on the hot path: what calls have in common (model, deployment,
key) is encoded once and kept; of the rest, only the id is text that a client may have chosen.
"""

from datetime import UTC, datetime

import msgspec

from hx_gateway.core.receipt import Parties, Receipt
from hx_gateway.core.usage import usd

MAX_KEPT = 1024
_LONGEST_NAME = 128
_encode = msgspec.json.Encoder().encode
_LINE = (
    b'{"time":"%b.%06dZ","event":"call","request_id":%b,"status":%d,"ending":"%b",'
    b'"ms":%.3f,"attempts":%d,"input_tokens":%d,"output_tokens":%d%b%b}'
)


class CallLines:
    """Writes receipts as lines, without their end."""

    __slots__ = ("_kept", "_second", "_second_text")

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._kept: dict[Parties, bytes] = {}
        self._second = -1
        self._second_text = b""

    def write(self, receipt: Receipt) -> bytes:
        """Write a call. Times in ms, cost in US dollars as text; what is not known is left out."""
        usage, at = receipt.usage, receipt.started_at
        second = int(at)
        if second != self._second:
            self._begin(second)
        common = self._kept.get(receipt.parties) or self._common(receipt.parties)
        return _LINE % (
            self._second_text,
            (at - second) * 1e6,
            _encode(receipt.call_id[:_LONGEST_NAME]),
            receipt.status,
            receipt.ending.encode(),
            receipt.seconds * 1000,
            len(receipt.attempts),
            usage.input,
            usage.output,
            _sometimes(receipt),
            common,
        )

    def _begin(self, second: int) -> None:
        self._second = second
        self._second_text = f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}".encode()

    def _common(self, parties: Parties) -> bytes:
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        text = self._kept[parties] = _common_text(parties)
        return text


def _sometimes(receipt: Receipt) -> bytes:
    upstream, first_byte = receipt.upstream_seconds, receipt.first_byte_seconds
    if upstream is not None and first_byte is not None:
        text = b',"upstream_ms":%.3f,"first_byte_ms":%.3f' % (upstream * 1000, first_byte * 1000)
    elif upstream is not None:
        text = b',"upstream_ms":%.3f' % (upstream * 1000)
    elif first_byte is not None:
        text = b',"first_byte_ms":%.3f' % (first_byte * 1000)
    else:
        text = b""
    if receipt.cost is not None:
        text += b',"cost_usd":"%b"' % usd(receipt.cost).encode()
    if receipt.cache_hit is not None:
        text += b',"cache_hit":true' if receipt.cache_hit else b',"cache_hit":false'
    if receipt.error_code is not None:
        text += b',"error":%b' % _encode(receipt.error_code)
    return text


def _common_text(parties: Parties) -> bytes:
    fields = {
        "operation": parties.operation,
        "model": parties.model[:_LONGEST_NAME],
        "stream": parties.stream,
        "deployment": parties.deployment_id,
        "provider": parties.provider,
        "upstream_model": parties.upstream_model,
        "key": parties.key_id[:12],
        "key_alias": parties.alias,
        "team": parties.team_id,
        "user": parties.user_id,
    }
    known = {name: value for name, value in fields.items() if value is not None}
    return b"," + _encode(known)[1:-1]
