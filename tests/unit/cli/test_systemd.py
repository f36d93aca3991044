import pytest

from hx_gateway.cli.systemd import hidden_home


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
