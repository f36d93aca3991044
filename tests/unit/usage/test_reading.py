"""Numbers go from process to process and come out as they went in."""

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from hx_gateway.usage.reading import read, write
from hx_gateway.usage.total import Family


def test_what_was_read_and_sent_is_written_as_the_library_writes_it() -> None:
    registry = CollectorRegistry()
    Counter("calls", "Calls.", ("model",), registry=registry).labels('a "b"\n').inc(3)
    Gauge("open", "Open.", registry=registry).set(2.5)
    Histogram("waits", "Waits.", ("node",), registry=registry).labels("n").observe(0.3)
    sent = msgspec.msgpack.encode(read(registry))
    assert write(msgspec.msgpack.decode(sent, type=list[Family])) == generate_latest(registry)
