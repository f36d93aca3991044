"""Starts the real gateway as its own process, with its own state directory and environment."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from tests.support.fetch import Answer, fetch
from tests.support.processes import free_port

MASTER_KEY = "sk-test-0123456789abcdef0123456789abcdef"

# What a test process may hand on: nothing that could configure the gateway by accident.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "COVERAGE_PROCESS_START")


async def until(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Wait until something is true; fails with `what` when it takes too long."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"not within {timeout_s} s: {what}"
        await asyncio.sleep(0.02)


class Gateway:
    """One `hx-gateway serve`. `config` is YAML text or a value that is written as JSON (also YAML).

    `env` is its whole configuration environment beside `LITELLM_MASTER_KEY` and `HX_STATE_DIR`.
    """

    def __init__(
        self,
        state: Path,
        *,
        config: str | Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        arguments: tuple[str, ...] = (),
        key: str | None = MASTER_KEY,
    ) -> None:
        """Nothing runs before `start`."""
        self.state = state
        self.key = key
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_file = state / "test-output.log"
        self.config_file = state / "config.yaml"
        self.arguments = arguments
        self.env = dict(env or {})
        self.process: subprocess.Popen[bytes] | None = None
        state.mkdir(parents=True, exist_ok=True)
        if config is not None:
            self.configure(config)

    def configure(self, config: str | Mapping[str, Any]) -> None:
        """Write the configuration file; a running gateway sees it at its next reload."""
        text = config if isinstance(config, str) else msgspec.json.encode(config).decode()
        self.config_file.write_text(text, encoding="utf-8")

    def environment(self) -> dict[str, str]:
        """The environment the gateway gets."""
        inherited = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        own = {"HX_STATE_DIR": str(self.state), "HOME": str(self.state)}
        if self.key is not None:
            own["LITELLM_MASTER_KEY"] = self.key
        return {**inherited, **own, **self.env}

    def command(self, verb: str, *arguments: str) -> list[str]:
        """The command line of a verb with this gateway's configuration."""
        config = ["--config", str(self.config_file)] if self.config_file.exists() else []
        return [sys.executable, "-m", "hx_gateway", verb, *config, *arguments]

    def start(self) -> None:
        """Start the process; it is not live yet."""
        command = self.command("serve", "--port", str(self.port), *self.arguments)
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.state, env=self.environment(), stdout=log, stderr=log
            )

    async def run(self, verb: str, *arguments: str) -> "Ran":
        """Run another command beside the gateway, with the same configuration."""
        run = await asyncio.to_thread(
            subprocess.run,
            self.command(verb, *arguments),
            cwd=self.state,
            env={**self.environment(), "PORT": str(self.port)},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        return Ran(code=run.returncode, out=run.stdout, err=run.stderr)

    async def ask(self, path: str, **options: Any) -> Answer:
        """Send a request with the master key (unless `key` says otherwise)."""
        return await fetch(f"{self.url}{path}", **{"key": self.key, **options})

    async def wait_live(self, timeout_s: float = 60.0) -> None:
        """Wait for `/livez`."""
        await self._wait("/livez", timeout_s)

    async def wait_ready(self, timeout_s: float = 60.0) -> None:
        """Wait for `/readyz`."""
        await self._wait("/readyz", timeout_s)

    async def _wait(self, path: str, timeout_s: float) -> None:
        end = time.monotonic() + timeout_s
        last = "no answer"
        while time.monotonic() < end:
            assert self.alive, f"the gateway ended with {self.exit_code}:\n{self.logs()}"
            try:
                answer = await fetch(f"{self.url}{path}", timeout_s=10.0)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            if answer.status == 200:
                return
            last = answer.text
            await asyncio.sleep(0.05)
        raise AssertionError(f"{path} not 200 within {timeout_s} s: {last}\n{self.logs()}")

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return None if self.process is None else self.process.poll()

    @property
    def pid(self) -> int:
        """The process id."""
        assert self.process is not None
        return self.process.pid

    def logs(self) -> str:
        """Everything it wrote so far, both streams."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def signal(self, number: int) -> None:
        """Send a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    async def stop(self, timeout_s: float = 40.0) -> int:
        """Send SIGTERM and wait; gives the exit code. Kills it (and fails) when it does not end."""
        if self.process is None:
            return 0
        if self.alive:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
        try:
            return await asyncio.to_thread(self.process.wait, timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not stop within {timeout_s} s:\n{self.logs()}") from None

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


@asynccontextmanager
async def running(state: Path, **options: Any) -> AsyncIterator[Gateway]:
    """Start a gateway, wait until it is ready, stop it afterwards."""
    gateway = Gateway(state, **options)
    gateway.start()
    try:
        await gateway.wait_ready()
        yield gateway
    finally:
        if gateway.alive:
            await gateway.stop()
