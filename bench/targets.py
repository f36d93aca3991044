"""What is measured: each target is started on core 0, its mocks and its load on core 1."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

BENCH = Path(__file__).parent
ROOT = BENCH.parent
OUT = ROOT / "var" / "bench"
GATEWAY_CORE, LOAD_CORE = "0", "1"


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses, all different."""
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in found:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in found]


PLAIN, STREAMS, PROXY, GATEWAY, LITELLM = free_ports(5)
MASTER_KEY = "sk-bench-0123456789abcdef0123456789abcdef"

ANSWER = json.dumps(
    {
        "id": "chatcmpl-0123456789abcdef0123456789",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "bench-model-2026-01-01",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "An answer of ordinary length. " * 20},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 300, "completion_tokens": 120, "total_tokens": 420},
        "system_fingerprint": "fp_0a1b2c3d4e",
    }
)


@dataclass
class Target:
    """One thing to measure: where it answers, and which processes its CPU time is."""

    name: str
    plain: str
    streams: str
    key: str = "none"
    prefix: str = ""  # what stands before the name of a model
    pids: list[int] = field(default_factory=list)

    def cpu_s(self) -> float:
        """CPU seconds so far, user and kernel, of the measured processes."""
        return sum(cpu_s(pid) for pid in self.pids)

    def rss_mib(self) -> float:
        """Resident memory of the measured processes."""
        return sum(rss_kib(pid) for pid in self.pids) / 1024


def cpu_s(pid: int) -> float:
    """CPU seconds of a process (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_kib(pid: int) -> int:
    """Resident memory of a process in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def children(pid: int) -> list[int]:
    """The direct children of a process."""
    return [int(x) for x in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def on_core(core: str, *command: str) -> list[str]:
    """A command that runs on one core."""
    return ["taskset", "-c", core, *command]


@contextlib.contextmanager
def process(name: str, command: list[str], **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process with its output in a file; end it afterwards."""
    with (OUT / f"{name}.log").open("wb") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log, **options)  # type: ignore[call-overload]
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def fill(template: str, **values: object) -> Path:
    """Write a configuration from its template; gives its path."""
    text = (BENCH / template).read_text()
    for name, value in {"OUT": OUT, **values}.items():
        text = text.replace(f"@{name}@", str(value))
    path = OUT / template.removesuffix(".in")
    path.write_text(text)
    return path


def wait_port(port: int, timeout_s: float = 60.0) -> None:
    """Wait until something listens."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on {port}; see {OUT}")


def ask(port: int, method: str, path: str, key: str, body: object = None) -> tuple[int, bytes]:
    """One plain request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    try:
        return answer.status, answer.read()
    finally:
        connection.close()


@contextlib.contextmanager
def mocks() -> Iterator[Target]:
    """Start both upstreams; the target is what it costs to ask them without anything between."""
    conf = fill("nginx_mock.conf.in", PORT=PLAIN, ANSWER=ANSWER)
    nginx = on_core(LOAD_CORE, "nginx", "-c", str(conf), "-e", str(OUT / "mock-error.log"))
    mock = on_core(LOAD_CORE, sys.executable, str(BENCH / "mock.py"), str(STREAMS))
    with process("mock-nginx", nginx), process("mock-streams", mock):
        wait_port(PLAIN)
        wait_port(STREAMS)
        path = "/v1/chat/completions"
        yield Target(
            "direct", f"http://127.0.0.1:{PLAIN}{path}", f"http://127.0.0.1:{STREAMS}{path}"
        )


@contextlib.contextmanager
def nginx() -> Iterator[Target]:
    """nginx as a reverse proxy; its one worker is what is measured."""
    conf = fill("nginx_proxy.conf.in", PORT=PROXY, PLAIN=PLAIN, STREAMS=STREAMS)
    command = on_core(GATEWAY_CORE, "nginx", "-c", str(conf), "-e", str(OUT / "proxy-error.log"))
    with process("proxy", command) as running:
        wait_port(PROXY)
        base = f"http://127.0.0.1:{PROXY}"
        path = "v1/chat/completions"
        yield Target(
            "nginx",
            f"{base}/plain/{path}",
            f"{base}/streams/{path}",
            pids=children(running.pid),
        )


def gateway_command() -> list[str]:
    """How the gateway is started for every measurement: pinned, one worker, default settings."""
    python = str(ROOT / ".venv" / "bin" / "python")
    config = fill("gateway.yaml.in", PLAIN=PLAIN, STREAMS=STREAMS)
    serve = ["-m", "hx_gateway", "serve", "--config", str(config), "--port", str(GATEWAY)]
    return on_core(GATEWAY_CORE, python, *serve)


def gateway_environment() -> dict[str, str]:
    """The environment of the gateway: a fresh state directory, a master key."""
    state = OUT / "state"
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(state),
        "HX_STATE_DIR": str(state),
        "LITELLM_MASTER_KEY": MASTER_KEY,
        **{name: value for name, value in os.environ.items() if name.startswith("HX_BENCH_")},
    }


@contextlib.contextmanager
def gateway() -> Iterator[Target]:
    """Our gateway: a virtual key is checked, metrics and the access log are on."""
    with process("gateway", gateway_command(), env=gateway_environment()) as running:
        wait_port(GATEWAY)
        wait_ready(GATEWAY)
        status, body = ask(GATEWAY, "POST", "/key/generate", MASTER_KEY, {"key_alias": "bench"})
        if status != 200:
            raise RuntimeError(f"/key/generate answered {status}: {body!r}")
        url = f"http://127.0.0.1:{GATEWAY}/v1/chat/completions"
        yield Target("hx-gateway", url, url, key=json.loads(body)["key"], pids=[running.pid])


def wait_ready(port: int, timeout_s: float = 60.0) -> None:
    """Wait for `/readyz`."""
    end = time.monotonic() + timeout_s
    while ask(port, "GET", "/readyz", "none")[0] != 200:
        if time.monotonic() > end:
            raise TimeoutError("not ready")
        time.sleep(0.05)


@contextlib.contextmanager
def litellm() -> Iterator[Target]:
    """LiteLLM's proxy from its own environment (bench/README.md): one worker, no database."""
    config = fill("gateway.yaml.in", PLAIN=PLAIN, STREAMS=STREAMS)
    program = str(BENCH / ".venv" / "litellm" / "bin" / "litellm")
    serve = ["--config", str(config), "--port", str(LITELLM), "--host", "127.0.0.1"]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(OUT),
        "LITELLM_MASTER_KEY": MASTER_KEY,
        "LITELLM_LOG": "ERROR",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    command = on_core(GATEWAY_CORE, program, *serve, "--num_workers", "1")
    with process("litellm", command, env=environment) as running:
        wait_port(LITELLM)
        url = f"http://127.0.0.1:{LITELLM}/v1/chat/completions"
        yield Target("litellm", url, url, key=MASTER_KEY, pids=[running.pid])


@contextlib.contextmanager
def tensorzero() -> Iterator[Target]:
    """TensorZero's gateway from its own environment (bench/README.md): no key, no observability."""
    config = fill("tensorzero.toml.in", PLAIN=PLAIN, STREAMS=STREAMS)
    python = str(BENCH / ".venv" / "tensorzero" / "bin" / "python")
    command = on_core(GATEWAY_CORE, python, str(BENCH / "tensorzero_gateway.py"), str(config))
    with process("tensorzero", command) as running:
        base = wait_line(OUT / "tensorzero.log", "http://")
        url = f"{base}/chat/completions"
        prefix = "tensorzero::model_name::"
        yield Target("tensorzero", url, url, prefix=prefix, pids=[running.pid])


def wait_line(path: Path, start: str, timeout_s: float = 60.0) -> str:
    """Wait for a line of a log that begins with something; gives the line."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        for line in path.read_text().splitlines():
            if line.startswith(start):
                return line
        time.sleep(0.05)
    raise TimeoutError(f"no line {start}... in {path}")


def has_tensorzero() -> bool:
    """Whether TensorZero was installed for the comparison."""
    return (BENCH / ".venv" / "tensorzero" / "bin" / "python").exists()


def has_litellm() -> bool:
    """Whether LiteLLM was installed for the comparison."""
    return (BENCH / ".venv" / "litellm" / "bin" / "litellm").exists()
