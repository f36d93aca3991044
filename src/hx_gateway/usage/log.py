"""The log: one JSON object a line, made of named fields only; never prompt text, never a secret."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import msgspec

from hx_gateway.core.receipt import Receipt
from hx_gateway.usage.call_lines import CallLines
from hx_gateway.usage.line_writer import LineWriter

_ENCODER = msgspec.json.Encoder(enc_hook=str)
_FORMATTER = logging.Formatter()
_LONGEST_TEXT = 8192
MANY = 32  # calls whose lines are made in one go: some 0.1 ms
Later = Callable[[Callable[[], None]], object]


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
        try:
            line = record_line(record)
        except (TypeError, ValueError, RecursionError):  # what cannot be written as JSON
            self._writer.lost += 1
        else:
            self._writer.put(line)


class AccessLog:
    """One line for each settled call (a `ReceiptSink`) and for each other request.

    Lines of calls are made some at a time, out of the way of the calls: that costs half as much.
    """

    def __init__(self, writer: LineWriter, later: Later | None = None) -> None:
        """Share the writer with the `JsonHandler`.

        `later` calls what it is given in a moment (then `flush` is to be called at the end); None:
        each line is made at once.
        """
        self._writer = writer
        self._write = CallLines().write
        self._later = later
        self._waiting: list[Receipt] = []

    def take(self, receipt: Receipt) -> None:
        """Queue the line of a call."""
        waiting = self._waiting
        waiting.append(receipt)
        if self._later is None or len(waiting) >= MANY:
            self.flush()
        elif len(waiting) == 1:
            self._later(self.flush)

    def flush(self) -> None:
        """Make the lines of all calls that are settled."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._writer.put_all([self._write(receipt) for receipt in waiting])

    def answered(self, fields: Mapping[str, object], at: float) -> None:
        """Queue the line of a request that is no call: `fields` as in `request_line`."""
        self.flush()
        self._writer.put(request_line(fields, at))


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


def install(writer: LineWriter, level: str) -> JsonHandler:
    """Send the whole process's logging to the writer, and nowhere else."""
    handler = JsonHandler(writer)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    return handler
