"""How often the edge looks at its deadlines."""

import msgspec
import pytest

from hx_gateway.core.snapshot import ServerSettings
from hx_gateway.transport.server.edge import _tick_of


@pytest.mark.parametrize(
    ("changed", "tick"),
    [
        ({}, 0.5),
        ({"heartbeat_interval": 1.0}, 0.1),
        ({"heartbeat_interval": 0.01}, 0.01),
        ({"heartbeat_interval": 0.0, "keepalive_timeout": 0.0}, 0.5),
    ],
)
def test_a_deadline_that_is_off_is_not_looked_at_all_the_time(
    changed: dict[str, float], tick: float
) -> None:
    """Symptom: `heartbeat_interval: 0` made the edge look at every connection each 10 ms."""
    assert _tick_of(msgspec.structs.replace(ServerSettings(), **changed)) == tick
