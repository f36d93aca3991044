"""`hx-gateway reload`: have a running gateway take up its configuration, and say how it went."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from hx_gateway.app.pidfile import pid_path, read_pid
from hx_gateway.cli.main import EXIT_FAILED, EXIT_OK, EXIT_USAGE, Nouns
from hx_gateway.cli.place import add_address, find_place

WAIT_S = 15.0
STEP_S = 0.05


def add(verbs: Nouns, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = verbs.add_parser(
        "reload",
        help="make a running gateway read its configuration anew",
        description=(
            "Check the configuration first, then tell the gateway and wait for the outcome. "
            "One that does not compile changes nothing. Live streams are not touched."
        ),
        parents=parents,
    )
    add_address(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compile here, so that problems are seen here; then signal and wait."""
    place = find_place(args)
    if place.result.problems:
        return refuse(place.result.problems, EXIT_USAGE)
    pid = read_pid(place.state_dir)
    if pid is None:
        text = "No gateway runs with this state directory (HX_STATE_DIR names it)."
        return refuse((text, "A service is reloaded by: systemctl reload hx-gateway"), EXIT_FAILED)
    before = loaded_at(place.state_dir)
    try:
        os.kill(pid, signal.SIGHUP)
    except ProcessLookupError:
        return refuse(("The gateway that wrote the pid file is gone.",), EXIT_FAILED)
    except PermissionError:
        text = "The gateway belongs to another user; run this as that user."
        return refuse((text,), EXIT_FAILED)
    return wait_for(place.state_dir, before)


def refuse(reasons: Iterable[str], code: int) -> int:
    """Say why not."""
    for reason in reasons:
        print(reason, file=sys.stderr)
    return code


def wait_for(state_dir: Path, before: int) -> int:
    """Wait until the gateway says that it took the configuration up."""
    for _ in range(int(WAIT_S / STEP_S)):
        if loaded_at(state_dir) != before:
            print("Reloaded.")
            return EXIT_OK
        time.sleep(STEP_S)
    return refuse(("The gateway did not take it up; its log says why.",), EXIT_FAILED)


def loaded_at(state_dir: Path) -> int:
    """When the gateway last took up a configuration, in nanoseconds; 0 when none runs."""
    try:
        return pid_path(state_dir).stat().st_mtime_ns
    except OSError:
        return 0
