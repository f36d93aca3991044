"""A throw-away Linux machine with systemd as its first process: this one, with writes kept apart.

An overlay of `/` in memory, booted by systemd-nspawn with a network of its own. Needs root and the
package systemd-container.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

STORY = """\
[Unit]
Description=The story of a test
Requires=basic.target
After=basic.target
AllowIsolate=yes
Wants=story.service
"""
SERVICE = """\
[Unit]
Requires=basic.target
After=basic.target
[Service]
Type=oneshot
ExecStart={command}
ExecStopPost=/bin/systemctl --no-block poweroff
StandardOutput=file:/story.log
StandardError=inherit
TimeoutStartSec={limit_s}
"""


def can_boot() -> bool:
    """Say whether machines can be started here."""
    return os.geteuid() == 0 and shutil.which("systemd-nspawn") is not None


class Machine:
    """A machine that is not running yet: put files below `root`, then `run` its story."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._binds: list[str] = []

    def bind(self, source: Path, inside: str) -> None:
        """Show a folder of this machine, read-only; also one below `/tmp`, which is its own there."""
        (self.root / inside.lstrip("/")).mkdir(parents=True)
        self._binds.append(f"--bind-ro={source}:{inside}")

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file of the machine."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(mode)

    def open_way(self, path: Path) -> None:
        """Let every user of the machine reach a folder of this one (a private Python, say)."""
        for folder in (path, *path.parents):
            inside = self.root / folder.relative_to("/")
            inside.chmod(inside.stat().st_mode | 0o001)

    def run(self, command: str, limit_s: int) -> str:
        """Boot, run one command as root, power off; gives what the command wrote."""
        self.write("/etc/systemd/system/story.target", STORY)
        self.write(
            "/etc/systemd/system/story.service", SERVICE.format(command=command, limit_s=limit_s)
        )
        nspawn = ["systemd-nspawn", "--register=no", "--keep-unit", "--private-network"]
        nspawn += [*self._binds, "--link-journal=no", "-D", str(self.root), "-b", "--console=pipe"]
        booted = subprocess.run(
            [*nspawn, "systemd.unit=story.target"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit_s + 60,
            check=False,
        )
        log = self.root / "story.log"
        return log.read_text(encoding="utf-8") if log.exists() else booted.stdout + booted.stderr


@contextmanager
def machine() -> Iterator[Machine]:
    """Make a machine; everything it wrote is gone afterwards."""
    base = Path(tempfile.mkdtemp(prefix="hx-machine-"))
    with _mounted(base, "-t", "tmpfs", "tmpfs"):
        for name in ("up", "work", "root"):
            (base / name).mkdir()
        layers = {"lowerdir": "/", "upperdir": base / "up", "workdir": base / "work"}
        root = base / "root"
        with _mounted(root, "-t", "overlay", "-o", _options(layers), "overlay"):
            yield Machine(root)
    base.rmdir()


def _options(values: Mapping[str, object]) -> str:
    return ",".join(f"{name}={value}" for name, value in values.items())


@contextmanager
def _mounted(target: Path, *arguments: str) -> Iterator[None]:
    subprocess.run(["mount", *arguments, str(target)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(target)], check=True)
