"""`hx-gateway systemd install`: write the units, a starting configuration and a master key."""

import argparse
import ipaddress
import secrets
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hx_gateway.app.units import CONFIG, ENV_FILE, MASTER_KEY, UnitOptions, units
from hx_gateway.cli.main import EXIT_FAILED, EXIT_OK, Nouns

NEXT_STEPS = """\
Written. Next:
  systemd-sysusers && systemd-tmpfiles --create
  systemctl daemon-reload
  systemctl enable --now hx-gateway.socket hx-gateway.service
  hx-gateway doctor --config /{config} --env-file /{env_file}"""


def add(verbs: Nouns, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = verbs.add_parser(
        "systemd",
        help="install the systemd units",
        description="Write the units, and what they need where it is missing.",
        parents=parents,
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True, title="actions")
    install = actions.add_parser(
        "install",
        help="write the units; existing configuration and keys are never overwritten",
        description="Write the units; existing configuration and keys are never overwritten.",
        parents=list(parents),
    )
    install.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR", help="write below this directory"
    )
    install.add_argument("--user", default="hx-gateway", help="account of the service")
    install.add_argument(
        "--listen",
        type=socket_address,
        default="127.0.0.1:4000",
        metavar="HOST:PORT",
        help="where the socket listens",
    )
    install.add_argument(
        "--command", help="how the units start the program (default: this installation)"
    )
    install.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write everything; refuses an installation that the service could not read."""
    command = args.command or this_command()
    if hidden := hidden_home(command):
        print(
            f"{command} is below {hidden}, which the service must not see. "
            "Install the program elsewhere (for example in /opt/hx-gateway), or give --command.",
            file=sys.stderr,
        )
        return EXIT_FAILED
    options = UnitOptions(
        command=command,
        user=args.user,
        listen=args.listen,
        systemd_version=systemd_version(),
    )
    for name, text in units(options).items():
        write(args.root / name, text, mode=0o644)
    write_new(args.root / CONFIG, "# See docs/reference/settings.md\nmodel_list: []\n", mode=0o640)
    write_new(args.root / ENV_FILE, "# NAME=value; every value is literal\n", mode=0o640)
    write_new(args.root / MASTER_KEY, f"sk-{secrets.token_urlsafe(32)}\n", mode=0o600)
    print(NEXT_STEPS.format(config=CONFIG, env_file=ENV_FILE))
    return EXIT_OK


def socket_address(text: str) -> str:
    """Read where a socket unit listens: systemd takes an address of numbers and a port."""
    host, colon, port = text.rpartition(":")
    try:
        is_good = colon != "" and 0 < int(port) <= 65535
        ipaddress.ip_address(host[1:-1] if host.startswith("[") else host)
    except ValueError:
        is_good = False
    if not is_good or (":" in host) != host.startswith("["):
        raise argparse.ArgumentTypeError(f"not like 127.0.0.1:4000 or [::1]:4000: {text!r}")
    return text


def this_command() -> str:
    """Say how this installation is started, with absolute paths."""
    script = shutil.which(sys.argv[0]) if Path(sys.argv[0]).name == "hx-gateway" else None
    return str(Path(script).absolute()) if script else f"{sys.executable} -m hx_gateway"


def hidden_home(command: str) -> str | None:
    """Give the folder that ProtectHome=yes hides, if the program is in one."""
    return next((home for home in ("/home", "/root") if command.startswith(f"{home}/")), None)


def systemd_version() -> int:
    """Ask systemctl for its version; a machine without it gets units for a current one."""
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        return UnitOptions(command="").systemd_version
    said = subprocess.run(  # noqa: S603 - a constant command
        [systemctl, "--version"], capture_output=True, text=True, check=True
    )
    return int(said.stdout.split()[1])


def write(path: Path, text: str, *, mode: int) -> None:
    """Write a file as a whole, with its mode from the first moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    new.touch(mode=mode)
    new.write_text(text, encoding="utf-8")
    new.replace(path)
    print(f"  {path}")


def write_new(path: Path, text: str, *, mode: int) -> None:
    """Write a file that is not there yet."""
    if not path.exists():
        write(path, text, mode=mode)
