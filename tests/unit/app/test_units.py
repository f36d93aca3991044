import pytest

from hx_gateway.app.units import UnitOptions, units

SERVICE = "etc/systemd/system/hx-gateway.service"
SOCKET = "etc/systemd/system/hx-gateway.socket"


def service(**options: object) -> str:
    return units(UnitOptions(command="/opt/hx/bin/hx-gateway", **options))[SERVICE]  # type: ignore[arg-type]


def test_the_service_starts_this_installation() -> None:
    assert "\nExecStart=/opt/hx/bin/hx-gateway serve --config " in service()
    assert "/usr/bin/hx-gateway" not in service()


@pytest.mark.parametrize(
    ("version", "type_", "reloads_by_signal"),
    [(252, "notify", True), (253, "notify-reload", False), (257, "notify-reload", False)],
)
def test_an_older_systemd_is_told_how_to_reload(
    version: int, type_: str, reloads_by_signal: bool
) -> None:
    """systemd before 253 ignores Type=notify-reload and takes the service for `simple`."""
    text = service(systemd_version=version)
    assert f"\nType={type_}\n" in text
    assert ("\nExecReload=" in text) is reloads_by_signal


def test_user_and_address_reach_every_file_that_names_them() -> None:
    files = units(UnitOptions(command="x", user="alice", listen="127.0.0.1:4001"))
    assert "\nListenStream=127.0.0.1:4001\n" in files[SOCKET]
    assert "\nUser=alice\n" in files[SERVICE]
    assert "\nu alice - " in files["etc/sysusers.d/hx-gateway.conf"]
    assert "root hx-gateway" not in files["etc/tmpfiles.d/hx-gateway.conf"]
