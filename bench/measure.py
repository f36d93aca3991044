"""One measurement of one target: load from core 1, CPU time of the target from /proc."""

import http.client
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable

from question import write_wrk_script
from targets import (
    BENCH,
    GATEWAY,
    LOAD_CORE,
    OUT,
    Target,
    ask,
    gateway_command,
    gateway_environment,
    on_core,
    process,
    rss_kib,
)

Figures = dict[str, float]

WRK_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


def plain(target: Target, connections: int, seconds: float) -> Figures:
    """Whole answers: requests a second, latency, CPU a request."""
    script = OUT / f"wrk-{target.name}.lua"
    write_wrk_script(script, f"{target.prefix}plain", target.key)
    load = ["-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--latency", "-s", str(script)]
    before = target.cpu_s()
    said = subprocess.run(
        on_core(LOAD_CORE, "wrk", *load, target.plain), capture_output=True, text=True, check=True
    ).stdout
    spent = target.cpu_s() - before
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"{target.name}: {said}")
    requests = int(_found(r"(\d+) requests in", said))
    return {
        f"req/s c={connections}": float(_found(r"Requests/sec:\s+([\d.]+)", said)),
        f"p50 ms c={connections}": _latency("50", said),
        f"p99 ms c={connections}": _latency("99", said),
        f"us CPU/req c={connections}": 1e6 * spent / requests,
    }


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise RuntimeError(f"wrk said no {pattern}: {text}")
    return match.group(1)


def _latency(percent: str, text: str) -> float:
    match = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s)\s*$", text, re.MULTILINE)
    if match is None:
        raise RuntimeError(f"wrk said no {percent} %: {text}")
    return float(match.group(1)) * WRK_UNITS[match.group(2)]


def streams(target: Target, model: str, count: int, seconds: float) -> Figures:
    """Streams: CPU an event, events a second, time to the first byte."""
    command = _client(target, model, count, seconds)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=BENCH) as client:
        assert client.stdout is not None
        client.stdout.readline()
        before = target.cpu_s()
        client.stdout.readline()
        spent = target.cpu_s() - before
        tally = json.loads(client.stdout.readline())
    if tally["errors"]:
        raise RuntimeError(f"{target.name}: {tally}")
    return {
        f"us CPU/event {model}": 1e6 * spent / max(tally["events"], 1),
        f"events/s {model}": tally["events"] / seconds,
        f"TTFB p50 ms {model}": tally["first_p50_ms"],
        f"TTFB p99 ms {model}": tally["first_p99_ms"],
    }


def _client(target: Target, model: str, count: int, seconds: float) -> list[str]:
    script = [sys.executable, str(BENCH / "streams.py")]
    wanted = f"{target.prefix}{model}"
    return on_core(LOAD_CORE, *script, target.streams, str(count), str(seconds), wanted, target.key)


def idle_streams(target: Target, count: int) -> Figures:
    """What an open, silent stream costs in memory."""
    before = target.rss_mib()
    command = _client(target, "idle", count, 0)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=BENCH
    ) as client:
        assert client.stdout is not None
        assert client.stdin is not None
        client.stdout.readline()
        after = target.rss_mib()
        client.stdin.close()
    return {f"KiB/idle stream ({count})": (after - before) * 1024 / count}


def start_times() -> Figures:
    """From exec to `/livez` and to `/readyz`, and the memory of the idle gateway."""
    begin = time.monotonic()
    with process("gateway-start", gateway_command(), env=gateway_environment()) as running:
        live = _until(lambda: _answers("/livez")) - begin
        ready = _until(lambda: _answers("/readyz")) - begin
        time.sleep(3)
        rss = rss_kib(running.pid) / 1024
    return {"s to /livez": live, "s to /readyz": ready, "MiB RSS idle": rss}


def _answers(path: str) -> bool:
    try:
        return ask(GATEWAY, "GET", path, "none")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def _until(condition: Callable[[], bool], timeout_s: float = 60.0) -> float:
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.002)
    return time.monotonic()
