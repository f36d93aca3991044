"""The HTTP/1.1 edge that clients meet: strict, bounded in size and time, and fast."""

from hx_gateway.transport.server.edge import Edge
from hx_gateway.transport.server.listen import (
    CannotBind,
    PortTaken,
    bind,
    bind_unix,
    inherited_sockets,
)
from hx_gateway.transport.server.stream import LastWords

__all__ = [
    "CannotBind",
    "Edge",
    "LastWords",
    "PortTaken",
    "bind",
    "bind_unix",
    "inherited_sockets",
]
