"""Log lines: one JSON object each, named fields only, no secrets and no prompts."""

import logging
from collections.abc import Callable

import msgspec
import pytest
from tests.support.receipts import receipt

from hx_gateway.core.secret import Secret
from hx_gateway.usage.log import (
    MANY,
    AccessLog,
    JsonHandler,
    install,
    record_line,
    request_line,
)


class Lines:
    """Takes lines as a `LineWriter` does and makes them at once."""

    def __init__(self) -> None:
        self.made: list[dict[str, object]] = []
        self.lost = 0

    def put(self, line: bytes) -> None:
        self.made.append(msgspec.json.decode(line))

    def put_all(self, lines: list[bytes]) -> None:
        for line in lines:
            self.put(line)

    def close(self, timeout_s: float = 1.0) -> None: ...


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("hx_gateway.x", logging.WARNING, __file__, 1, message, args, None)
    made.__dict__.update(extra)
    return made


def test_a_record_is_one_line_with_its_fields_and_trace() -> None:
    try:
        raise RuntimeError("two\nlines")
    except RuntimeError as error:
        info = (RuntimeError, error, error.__traceback__)
    found = record("upserted %d", 2, fields={"namespace": "n", "count": 2})
    found.exc_info = info
    encoded = record_line(found)
    assert b"\n" not in encoded
    line = msgspec.json.decode(encoded)
    assert (line["level"], line["message"], line["namespace"], line["count"]) == (
        "warning",
        "upserted 2",
        "n",
        2,
    )
    assert "RuntimeError" in line["traceback"]


def test_a_secret_in_a_record_has_no_readable_form() -> None:
    canary = "canary-0123456789"
    encoded = record_line(record("key %s", Secret(canary), fields={"key": Secret(canary)}))
    assert canary.encode() not in encoded
    assert b"***" in encoded


def test_both_kinds_of_requests_get_a_line() -> None:
    lines = Lines()
    log = AccessLog(lines)  # type: ignore[arg-type]
    log.take(receipt())
    log.answered({"request_id": "r", "endpoint": "list_keys", "status": 200}, 1_760_000_000.0)
    assert [line["event"] for line in lines.made] == ["call", "request"]
    assert lines.made[1]["endpoint"] == "list_keys"
    assert b'"status":200' in request_line({"status": 200}, 0.0)


def test_a_record_that_cannot_be_written_is_counted_as_lost() -> None:
    class Unwritable:
        def __str__(self) -> str:
            raise ValueError("no text")

    lines = Lines()
    JsonHandler(lines).emit(record("x", fields={"a": Unwritable()}))  # type: ignore[arg-type]
    assert (lines.made, lines.lost) == ([], 1)


@pytest.fixture
def root() -> logging.Logger:
    return logging.getLogger()


def test_installed_it_takes_all_logging_and_alone(root: logging.Logger) -> None:
    lines = Lines()
    before = (list(root.handlers), root.level)
    try:
        handler = install(lines, "info")  # type: ignore[arg-type]
        assert root.handlers == [handler]
        assert isinstance(handler, JsonHandler)
        logging.getLogger("hx_gateway.test").info("seen")
        logging.getLogger("hx_gateway.test").debug("not seen")
    finally:
        root.handlers[:], level = before
        root.setLevel(level)
    assert [line["message"] for line in lines.made] == ["seen"]


def test_lines_of_calls_may_be_made_together_and_in_order() -> None:
    lines = Lines()
    asked: list[Callable[[], None]] = []
    access = AccessLog(lines, asked.append)  # type: ignore[arg-type]
    for _ in range(3):
        access.take(receipt())
    assert lines.made == []
    assert asked == [access.flush]  # once for all of them
    access.answered({"request_id": "r"}, 0.0)
    assert [line["event"] for line in lines.made] == ["call", "call", "call", "request"]
    access.flush()
    assert len(lines.made) == 4


def test_many_calls_do_not_wait() -> None:
    lines = Lines()
    access = AccessLog(lines, lambda _flush: None)  # type: ignore[arg-type]
    for _ in range(MANY):
        access.take(receipt())
    assert len(lines.made) == MANY
