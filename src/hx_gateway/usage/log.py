"""The log: one JSON object a line, made of named fields only; never prompt text, never a secret."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial

import msgspec

from hx_gateway.core.receipt import Receipt
from hx_gateway.core.usage import usd
from hx_gateway.usage.line_writer import LineWriter

_ENCODER = msgspec.json.Encoder(enc_hook=str)
_FORMATTER = logging.Formatter()
_LONGEST_TEXT = 8192
_LONGEST_NAME = 128


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
        "time": _iso(record.created),
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
    return _ENCODER.encode({"time": _iso(at), "level": "info", "event": "request", **fields})


def receipt_line(receipt: Receipt) -> bytes:
    """Write a call. Times in ms, cost in US dollars as text; what is not known is left out."""
    usage = receipt.usage
    line = {
        "time": _iso(receipt.started_at),
        "level": "info",
        "event": "call",
        "request_id": receipt.call_id[:_LONGEST_NAME],
        "operation": receipt.operation.value,
        "model": receipt.model[:_LONGEST_NAME],
        "deployment": receipt.deployment_id,
        "provider": receipt.provider,
        "upstream_model": receipt.upstream_model,
        "status": receipt.status,
        "ending": receipt.ending.value,
        "error": receipt.error_code,
        "ms": _ms(receipt.seconds),
        "first_byte_ms": _ms(receipt.first_byte_seconds),
        "upstream_ms": _ms(receipt.upstream_seconds),
        "stream": receipt.stream,
        "attempts": len(receipt.attempts),
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "cost_usd": None if receipt.cost is None else usd(receipt.cost),
        "key": receipt.key_id[:12],
        "key_alias": receipt.alias,
        "team": receipt.team_id,
        "user": receipt.user_id,
    }
    return _ENCODER.encode({name: value for name, value in line.items() if value is not None})


def install(writer: LineWriter, level: str) -> JsonHandler:
    """Send the whole process's logging to the writer, and nowhere else."""
    handler = JsonHandler(writer)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    return handler


def _iso(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return moment.removesuffix("+00:00") + "Z"


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
