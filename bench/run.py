"""Measures the gateway beside nginx (and LiteLLM, where installed), in interleaved rounds.

    python bench/run.py [--rounds 3] [--seconds 5] [--only nginx,hx-gateway] [--json FILE]

Every round measures every target once, so that what disturbs the machine disturbs all of them.
The table shows medians and the ratio to nginx of the same run. See bench/README.md.
"""

import argparse
import contextlib
import json
import platform
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import measure
import targets
from measure import Figures
from targets import OUT, Target

Rows = dict[str, dict[str, list[float]]]

# Slow targets get fewer connections in the streaming runs: see bench/README.md.
SLOW = {"litellm"}


def scenarios(target: Target, seconds: float) -> Iterator[Figures]:
    """All measurements of one target in one round."""
    for connections in (32, 1, 8):
        yield measure.plain(target, connections, seconds)
    if target.name in SLOW:
        yield measure.streams(target, "paced", 8, seconds)
        return
    yield measure.streams(target, "paced", 64, seconds)
    yield measure.streams(target, "fast", 16, seconds)


def add(rows: Rows, name: str, figures: Figures) -> None:
    for figure, value in figures.items():
        rows.setdefault(figure, {}).setdefault(name, []).append(value)


def measure_all(wanted: set[str], rounds: int, seconds: float) -> Rows:
    """Start everything once, then go round."""
    rows: Rows = {}
    with ExitStack() as stack:
        live = [stack.enter_context(targets.mocks())]
        live += [stack.enter_context(start()) for start in starters(wanted)]
        for round_ in range(rounds):
            for target in live:
                print(f"round {round_ + 1}: {target.name}", file=sys.stderr)
                for figures in scenarios(target, seconds):
                    add(rows, target.name, figures)
        for target in live:
            if target.name in {"hx-gateway", "nginx"}:
                add(rows, target.name, measure.idle_streams(target, 1000))
                add(rows, target.name, {"MiB RSS after": target.rss_mib()})
    return rows


def starters(wanted: set[str]) -> list[Callable[[], AbstractContextManager[Target]]]:
    known: dict[str, Callable[[], AbstractContextManager[Target]]] = {
        "nginx": targets.nginx,
        "hx-gateway": targets.gateway,
    }
    if targets.has_tensorzero():
        known["tensorzero"] = targets.tensorzero
    if targets.has_litellm():
        known["litellm"] = targets.litellm
    return [start for name, start in known.items() if not wanted or name in wanted]


def table(rows: Rows) -> str:
    """Medians, with the ratio to nginx in brackets."""
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "--:|" * len(names)]
    for figure, row in rows.items():
        base = statistics.median(row["nginx"]) if "nginx" in row else 0.0
        cells = [cell(row.get(name), base, is_base=name in {"nginx", "direct"}) for name in names]
        lines.append(f"| {figure} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cell(values: list[float] | None, base: float, *, is_base: bool) -> str:
    if not values:
        return ""
    median = statistics.median(values)
    text = f"{median:,.0f}" if median >= 100 else f"{median:.3g}"
    return text if is_base or not base else f"{text} ({median / base:.2f} ×)"


def machine() -> str:
    """What every published figure must name."""
    cpu = next(
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    return f"{cpu}, Python {platform.python_version()}, {platform.platform()}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--only", default="", help="comma list of targets")
    parser.add_argument("--json", type=Path, help="also write the raw figures here")
    args = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    wanted = set(filter(None, args.only.split(",")))
    rows = measure_all(wanted, args.rounds, args.seconds)
    if not wanted or "hx-gateway" in wanted:
        with targets.mocks(), contextlib.suppress(KeyboardInterrupt):
            for _ in range(max(args.rounds, 3)):
                add(rows, "hx-gateway", measure.start_times())
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))
    print(f"{machine()}; medians of {args.rounds} rounds of {args.seconds:.0f} s\n")
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
