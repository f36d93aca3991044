"""The datagrams of sd_notify really arrive, on named and on abstract sockets."""

import socket
from pathlib import Path

import pytest

from hx_gateway.app.notify import datagram_sender


@pytest.mark.parametrize("kind", ["named", "abstract"])
def test_a_message_arrives(kind: str, tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path if kind == "named" else f"\0{path}")
        manager.settimeout(30)
        datagram_sender(path if kind == "named" else f"@{path}")(b"READY=1")
        assert manager.recv(100) == b"READY=1"


def test_a_service_manager_that_is_gone_does_no_harm(tmp_path: Path) -> None:
    datagram_sender(str(tmp_path / "nobody"))(b"READY=1")
