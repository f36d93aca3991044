"""What the surroundings say: the only module that reads the process environment.

Several layers may name a variable. The first of them wins:

1. `environment_variables` of the configuration (LiteLLM writes them over the environment),
2. the env file given by `--env-file` (so that a reload can change what the process was started
   with),
3. systemd credentials: files in `CREDENTIALS_DIRECTORY` named like the variable, in capitals or
   small letters,
4. the environment of the process.

An empty value counts as not set. Values are literal: nothing in them is ever expanded.
"""

import os
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from hx_gateway.config.envfile import parse_env_file
from hx_gateway.config.report import Place, Report, file_place
from hx_gateway.config.textfile import read_text

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_FIRST_FD = 3  # SD_LISTEN_FDS_START of sd_listen_fds(3)


class Variable(msgspec.Struct, frozen=True):
    """A variable's value and where it was set."""

    value: str
    place: Place


class Environment:
    """All variables, from all layers; immutable."""

    def __init__(self, layers: Sequence[Mapping[str, Variable]]) -> None:
        """`layers`: the strongest first."""
        self._layers = tuple(layers)

    def get(self, name: str) -> Variable | None:
        """Get a variable; None when no layer has it, or only as an empty text."""
        for layer in self._layers:
            found = layer.get(name)
            if found is not None and found.value:
                return found
        return None

    def text(self, name: str) -> str | None:
        """Get only the value."""
        found = self.get(name)
        return found.value if found is not None else None

    def below(self, layer: Mapping[str, Variable]) -> "Environment":
        """Give one with a stronger layer on top."""
        return Environment((layer, *self._layers))


def process_environment() -> Mapping[str, str]:
    """Copy the environment of this process."""
    return dict(os.environ)  # noqa: TID251 - the one reader


def read_environment(
    environ: Mapping[str, str], env_file: Path | None, report: Report, *, strict: bool
) -> Environment:
    """Put the env file over systemd's credentials over the process environment."""
    return Environment(
        (
            _read_env_file(env_file, report, strict=strict) if env_file is not None else {},
            _read_credentials(credentials_directory(environ), report),
            {k: Variable(v, Place(f"environment {k}")) for k, v in environ.items()},
        )
    )


def _read_env_file(path: Path, report: Report, *, strict: bool) -> dict[str, Variable]:
    text = read_text(path, Place("--env-file"), report)
    if text is None:
        return {}
    _check_mode(path, report, strict=strict)
    parsed = parse_env_file(text)
    for line in parsed.bad_lines:
        what = "not an assignment NAME=value; systemd ignores this line"
        report.problem(file_place(path, line), "", f"{what}: correct or remove it")
    if parsed.unclosed is not None:
        report.problem(file_place(path, parsed.unclosed), "", "a quote is never closed; close it")
    for entry in parsed.values():
        if entry.lost_backslash:
            what = "a backslash outside quotes is dropped (as systemd does)"
            place = file_place(path, entry.line)
            report.warning(place, entry.name, f"{what}; put the value in single quotes to keep it")
    return {
        entry.name: Variable(entry.value, file_place(path, entry.line)) for entry in parsed.values()
    }


def _check_mode(path: Path, report: Report, *, strict: bool) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & stat.S_IROTH:
        note = report.problem if strict else report.warning
        text = f"readable by everybody (mode {mode:04o}); it may hold secrets: chmod 0600 {path}"
        note(file_place(path), "", text)


def _read_credentials(directory: Path | None, report: Report) -> dict[str, Variable]:
    if directory is None or not directory.is_dir():
        return {}
    found: dict[str, Variable] = {}
    for path in sorted(directory.iterdir()):
        name = path.name.upper()
        if _NAME.match(name) and path.is_file():
            text = read_text(path, Place(f"credential {path.name}"), report)
            if text is not None:
                found[name] = Variable(text.rstrip("\r\n"), Place(f"credential {path.name}"))
    return found


def state_dir(environ: Mapping[str, str]) -> Path:
    """Say where state is kept: HX_STATE_DIR, systemd's STATE_DIRECTORY, or the user's own folder.

    STATE_DIRECTORY may list several, joined by colons (systemd.exec(5)); the first one is ours.
    """
    if named := environ.get("HX_STATE_DIR"):
        return Path(named).absolute()
    if given := environ.get("STATE_DIRECTORY", "").split(":")[0]:
        return Path(given).absolute()
    base = environ.get("XDG_STATE_HOME", "")
    # The XDG specification: a relative path is invalid and to be ignored.
    root = Path(base) if base.startswith("/") else Path(environ.get("HOME") or "/") / ".local/state"
    return root / "hx-gateway"


def listen_fds(environ: Mapping[str, str], pid: int) -> range:
    """Give the sockets that systemd passed to process `pid` (sd_listen_fds(3)); empty if none."""
    count = environ.get("LISTEN_FDS", "")
    if environ.get("LISTEN_PID") != str(pid) or not count.isdecimal():
        return range(0)
    return range(_FIRST_FD, _FIRST_FD + int(count))


def notify_socket(environ: Mapping[str, str]) -> str | None:
    """Give the address for sd_notify(3); `@` in front means an abstract socket."""
    return environ.get("NOTIFY_SOCKET") or None


def credentials_directory(environ: Mapping[str, str]) -> Path | None:
    """Give the folder of systemd's credentials."""
    named = environ.get("CREDENTIALS_DIRECTORY")
    return Path(named) if named else None
