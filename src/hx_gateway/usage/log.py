"""The log: one JSON object a line, made of named fields only; never prompt text, never a secret."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial

import msgspec

from hx_gateway.core.call import Operation
from hx_gateway.core.receipt import Ending, Receipt
from hx_gateway.core.usage import usd
from hx_gateway.usage.line_writer import LineWriter

_ENCODER = msgspec.json.Encoder(enc_hook=str)
_FORMATTER = logging.Formatter()
_LONGEST_TEXT = 8192
_LONGEST_NAME = 128


def _call() -> str:
    return "call"


class _CallLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The line of a call; a struct, because that is written five times faster than a dict."""

    time: datetime
    event: str = msgspec.field(default_factory=_call)  # a plain default would be left out
    request_id: str
    operation: Operation
    model: str
    deployment: str | None = None
    provider: str | None = None
    upstream_model: str | None = None
    status: int
    ending: Ending
    error: str | None = None
    ms: float | None = None
    first_byte_ms: float | None = None
    upstream_ms: float | None = None
    stream: bool
    attempts: int
    input_tokens: int
    output_tokens: int
    cost_usd: str | None = None
    key: str
    key_alias: str | None = None
    team: str | None = None
    user: str | None = None


class JsonHandler(logging.Handler):
    """Sends records of the logging module to a `LineWriter`, as JSON.

    `extra={"fields": {...}}` adds fields of its own to a line: names and numbers, no texts of
    clients.
    """

    def __init__(self, writer: LineWriter) -> None:
        """Take every level; the logger filters."""
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record."""
        self._writer.put(partial(record_line, record))


class AccessLog:
    """One line for each settled call (a `ReceiptSink`) and for each other request."""

    def __init__(self, writer: LineWriter) -> None:
        """Share the writer with the `JsonHandler`, so that lines keep their order."""
        self._writer = writer

    def take(self, receipt: Receipt) -> None:
        """Queue the line of a call."""
        self._writer.put(partial(receipt_line, receipt))

    def answered(self, fields: Mapping[str, object], at: float) -> None:
        """Queue the line of a request that is no call: `fields` as in `request_line`."""
        self._writer.put(partial(request_line, fields, at))


def record_line(record: logging.LogRecord) -> bytes:
    """Write a record of the logging module."""
    line: dict[str, object] = {
        "time": datetime.fromtimestamp(record.created, UTC),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage()[:_LONGEST_TEXT],
    }
    fields = getattr(record, "fields", None)
    if isinstance(fields, dict):
        line.update(fields)
    if record.exc_info:
        line["traceback"] = _FORMATTER.formatException(record.exc_info)[-_LONGEST_TEXT:]
    return _ENCODER.encode(line)


def request_line(fields: Mapping[str, object], at: float) -> bytes:
    """Write a request that is no call: `request_id`, `endpoint` (its name), `status`, `ms`, `key`.

    `at` is wall time in seconds.
    """
    return _ENCODER.encode(
        {"time": datetime.fromtimestamp(at, UTC), "level": "info", "event": "request", **fields}
    )


def receipt_line(receipt: Receipt) -> bytes:
    """Write a call. Times in ms, cost in US dollars as text; what is not known is left out."""
    usage = receipt.usage
    return _ENCODER.encode(
        _CallLine(
            time=datetime.fromtimestamp(receipt.started_at, UTC),
            request_id=receipt.call_id[:_LONGEST_NAME],
            operation=receipt.operation,
            model=receipt.model[:_LONGEST_NAME],
            deployment=receipt.deployment_id,
            provider=receipt.provider,
            upstream_model=receipt.upstream_model,
            status=receipt.status,
            ending=receipt.ending,
            error=receipt.error_code,
            ms=_ms(receipt.seconds),
            first_byte_ms=_ms(receipt.first_byte_seconds),
            upstream_ms=_ms(receipt.upstream_seconds),
            stream=receipt.stream,
            attempts=len(receipt.attempts),
            input_tokens=usage.input,
            output_tokens=usage.output,
            cost_usd=None if receipt.cost is None else usd(receipt.cost),
            key=receipt.key_id[:12],
            key_alias=receipt.alias,
            team=receipt.team_id,
            user=receipt.user_id,
        )
    )


def install(writer: LineWriter, level: str) -> JsonHandler:
    """Send the whole process's logging to the writer, and nowhere else."""
    handler = JsonHandler(writer)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    return handler


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else int(seconds * 1e6) / 1000
