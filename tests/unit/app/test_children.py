"""Which child processes a snapshot needs. What they do is seen in tests/contract."""

from pathlib import Path

import pytest
from tests.support.deployments import deployment

from hx_gateway.app.children import wanted_children
from hx_gateway.config.paths import socket_path
from hx_gateway.core.http import Origin
from hx_gateway.core.snapshot import LocalSettings, Snapshot

STATE = Path("/var/lib/hx")


def snapshot(*names: str, vectors: bool = False) -> Snapshot:
    deployments = {
        name: deployment(name, origin=Origin(socket_path=str(socket_path(STATE, name))))
        for name in names
    }
    return Snapshot(
        state_dir=STATE,
        routes={},
        deployments={**deployments, "remote": deployment("remote")},
        local=LocalSettings(vectors=vectors),
    )


@pytest.mark.parametrize("names", [(), ("embed",), ("chat", "embed"), ("scripted",)])
def test_a_child_is_wanted_when_a_deployment_is_behind_its_socket(names: tuple[str, ...]) -> None:
    wanted = wanted_children(snapshot(*names))
    assert sorted(command.name for command in wanted) == sorted(names)
    assert all(command.module == f"hx_gateway.local.{command.name}" for command in wanted)


def test_the_vector_engine_is_wanted_by_its_setting_and_knows_its_folder() -> None:
    (command,) = wanted_children(snapshot(vectors=True))
    assert command.arguments == ("--folder", "/var/lib/hx/vectors")
    assert command.socket == STATE / "run" / "vectors.sock"
