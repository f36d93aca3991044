import argparse

import pytest

from hx_gateway.cli.systemd import hidden_home, socket_address


@pytest.mark.parametrize(
    ("command", "hidden"),
    [
        ("/opt/hx-gateway/bin/hx-gateway", None),
        ("/usr/bin/python3 -m hx_gateway", None),
        ("/root/.local/bin/hx-gateway", "/root"),
        ("/home/alice/venv/bin/hx-gateway", "/home"),
        ("/homebrew/bin/hx-gateway", None),
    ],
)
def test_a_program_that_the_service_cannot_see_is_noticed(command: str, hidden: str | None) -> None:
    assert hidden_home(command) == hidden


@pytest.mark.parametrize("text", ["127.0.0.1:4000", "0.0.0.0:80", "[::1]:4000", "[::]:65535"])
def test_a_socket_listens_on_an_address_and_a_port(text: str) -> None:
    assert socket_address(text) == text


@pytest.mark.parametrize(
    "text", ["", "nonsense", "4000", ":4000", "localhost:4000", "::1:4000", "127.0.0.1:0", "1:2:x"]
)
def test_a_unit_that_systemd_would_refuse_is_not_written(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        socket_address(text)
