"""The systemd units as text: what is written where for one installation."""

from collections.abc import Mapping
from importlib.resources import files

import msgspec

UNIT_DIR = "etc/systemd/system"
CONFIG_DIR = "etc/hx-gateway"
MASTER_KEY = f"{CONFIG_DIR}/master.key"
CONFIG = f"{CONFIG_DIR}/config.yaml"
ENV_FILE = f"{CONFIG_DIR}/hx-gateway.env"

# Type=notify-reload came with systemd 253; Debian 12 has 252. Before, a reload is a plain signal.
NOTIFY_RELOAD_SINCE = 253


class UnitOptions(msgspec.Struct, frozen=True, kw_only=True):
    """One installation: how the program is started, as whom, where it listens.

    `command` is what stands before `serve`; `listen` is systemd's ListenStream (`host:port`).
    """

    command: str
    user: str = "hx-gateway"
    listen: str = "127.0.0.1:4000"
    systemd_version: int = NOTIFY_RELOAD_SINCE


def units(options: UnitOptions) -> Mapping[str, str]:
    """Give the files of an installation by path (relative to the root)."""
    return {
        f"{UNIT_DIR}/hx-gateway.service": _service(options),
        f"{UNIT_DIR}/hx-gateway.socket": _template("hx-gateway.socket").replace(
            "127.0.0.1:4000", options.listen
        ),
        "etc/sysusers.d/hx-gateway.conf": _named(_template("hx-gateway.sysusers.conf"), options),
        "etc/tmpfiles.d/hx-gateway.conf": _named(_template("hx-gateway.tmpfiles.conf"), options),
    }


def _service(options: UnitOptions) -> str:
    text = _template("hx-gateway.service").replace("/usr/bin/hx-gateway", options.command)
    text = text.replace("User=hx-gateway", f"User={options.user}")
    if options.systemd_version < NOTIFY_RELOAD_SINCE:
        reload = "Type=notify\nExecReload=/bin/kill -HUP $MAINPID"
        text = text.replace("Type=notify-reload", reload)
    return text


def _named(text: str, options: UnitOptions) -> str:
    return text.replace("u hx-gateway", f"u {options.user}").replace(
        "root hx-gateway", f"root {options.user}"
    )


def _template(name: str) -> str:
    return (files("hx_gateway") / "data" / "systemd" / name).read_text(encoding="utf-8")
