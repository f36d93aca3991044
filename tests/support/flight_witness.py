"""The gateway's command line, with a witness: each step of the fast path leaves a word in a file.

Nobody can see from outside whether a request flew; this says it, so that a test about requests that
fly cannot pass with some that do not. Run by path: `python -P flight_witness.py serve ...`.
"""

import os
import sys
from typing import Any

from hx_gateway.cli.main import main
from hx_gateway.pipeline.fast import FastHead
from hx_gateway.transport.server.flying import FlyingConnection

FILE = "FLIGHTS"  # the environment variable that names the file


def watch(fd: int) -> None:
    """Put the witness in: `flew`, then `landed` or `carried`; or `stayed`."""
    began, landed, carried = FastHead.begin, FlyingConnection.land, FlyingConnection.carry_on

    def begin(self: FastHead, body: bytes, landing: Any) -> Any:
        flight = began(self, body, landing)
        os.write(fd, b"flew " if flight is not None else b"stayed ")
        return flight

    def land(self: FlyingConnection, lines: bytes, body: bytes) -> None:
        os.write(fd, b"landed ")
        landed(self, lines, body)

    def carry_on(self: FlyingConnection) -> None:
        os.write(fd, b"carried ")
        carried(self)

    FastHead.begin = begin  # type: ignore[method-assign]
    FlyingConnection.land = land  # type: ignore[method-assign]
    FlyingConnection.carry_on = carry_on  # type: ignore[method-assign]


if __name__ == "__main__":
    watch(os.open(os.environ.pop(FILE), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    sys.exit(main())
