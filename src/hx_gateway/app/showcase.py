"""An assembled application that serves nobody: its routes are read for the reference."""

import tempfile
from pathlib import Path

from hx_gateway.app.build import assemble
from hx_gateway.app.open import open_parts
from hx_gateway.core.snapshot import LogSettings, Snapshot
from hx_gateway.manage.checks import Checkup
from hx_gateway.web.endpoint import Endpoint


async def all_endpoints() -> tuple[Endpoint, ...]:
    """Give every route of a gateway with everything switched on; nothing is started or kept."""
    with tempfile.TemporaryDirectory() as folder:
        snapshot = Snapshot(state_dir=Path(folder), routes={}, log=LogSettings(access=False))
        parts = open_parts(snapshot, {})
        try:
            return assemble(snapshot, parts, Checkup((), parts.clock)).application.endpoints
        finally:
            await parts.aclose()
