"""Runs as root inside the machine of test_systemd.py and writes down what it sees.

Only measures; the test judges. Each chapter is a function that returns a value for JSON.
"""

# Nothing waits for this loop while a chapter looks at files and processes.
# ruff: noqa: ASYNC221, ASYNC240

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.fetch import Answer, fetch
from tests.support.processes import children
from tests.support.upstream import Upstream
from tests.support.valkey import valkey_server

URL = "http://127.0.0.1:4000"
CONFIG = Path("/etc/hx-gateway/config.yaml")
UNIT = "hx-gateway.service"
WORDS = 60


def systemctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemctl", *arguments], capture_output=True, text=True, check=False, timeout=120
    )


def show(name: str) -> str:
    return systemctl("show", "--value", "-p", name, UNIT).stdout.strip()


def pid() -> int:
    return int(show("MainPID"))


def key() -> str:
    return Path("/etc/hx-gateway/master.key").read_text().strip()


def configure(upstream: Upstream, *names: str) -> None:
    models = [
        {
            "model_name": name,
            "litellm_params": {
                "model": "openai/scripted",
                "api_base": upstream.base_url,
                "api_key": "none",
            },
        }
        for name in names
    ]
    CONFIG.write_text(json.dumps({"model_list": models}))


async def ask(path: str, **options: Any) -> Answer:
    return await fetch(f"{URL}{path}", timeout_s=60, **{"key": key(), **options})


async def until(condition: Callable[[], Awaitable[bool]], limit_s: float) -> float:
    """Wait; gives the seconds it took."""
    begin = time.monotonic()
    while not await condition():
        if time.monotonic() - begin > limit_s:
            raise TimeoutError(systemctl("status", "-n50", "--no-pager", UNIT).stdout)
        await asyncio.sleep(0.05)
    return time.monotonic() - begin


async def is_ready() -> bool:
    try:
        return (await fetch(f"{URL}/readyz", timeout_s=30)).status == 200
    except OSError:
        return False


async def models() -> list[str]:
    return [model["id"] for model in (await ask("/v1/models")).json()["data"]]


async def start_by_socket(upstream: Upstream) -> Any:
    configure(upstream, "chat")
    systemctl("start", "hx-gateway.socket")
    before = show("ActiveState")
    answer = await ask("/livez")
    await until(is_ready, 60)
    return {"before": before, "status": answer.status, "after": show("ActiveState")}


async def ready(_upstream: Upstream) -> Any:
    systemctl("stop", UNIT)
    systemctl("start", UNIT)  # returns when the service has said READY=1
    readyz = (await fetch(f"{URL}/readyz", timeout_s=60)).status

    async def is_serving() -> bool:
        return show("StatusText") == "serving"

    await until(is_serving, 60)
    return {"readyz": readyz, "status_text": show("StatusText")}


async def confined(_upstream: Upstream) -> Any:
    lines = Path(f"/proc/{pid()}/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    enter = ["nsenter", "-t", str(pid()), "-m", "setpriv", "--reuid", status["Uid"].split()[0]]
    places = ("/etc", "/usr", "/var", "/boot", "/etc/hx-gateway")
    writable = [
        place
        for place in places
        if subprocess.run([*enter, "test", "-w", place], check=False).returncode == 0
    ]
    return {
        "uid": int(status["Uid"].split()[0]),
        "no_new_privileges": status["NoNewPrivs"],
        "capabilities": int(status["CapBnd"], 16),
        "can_write": writable,
    }


async def secret(_upstream: Upstream) -> Any:
    process = Path(f"/proc/{pid()}")
    return {
        "accepted": (await ask("/v1/models")).status,
        "in_environment": key() in (process / "environ").read_text(),
        "in_command_line": key() in (process / "cmdline").read_text(),
    }


async def reload(upstream: Upstream) -> Any:
    before, old = await models(), pid()
    configure(upstream, "chat", "added")
    done = systemctl("reload", UNIT)

    async def is_added() -> bool:
        return "added" in await models()

    await until(is_added, 60)
    return {
        "before": before,
        "after": await models(),
        "exit_code": done.returncode,
        "same_pid": pid() == old,
    }


async def broken_reload(_upstream: Upstream) -> Any:
    old, good = pid(), CONFIG.read_text()
    CONFIG.write_text("model_list: {broken")
    systemctl("reload", UNIT)
    await asyncio.sleep(1)
    seen = {"models": await models(), "same_pid": pid() == old}
    CONFIG.write_text(good)
    return seen


async def watchdog(_upstream: Upstream) -> Any:
    old, restarts = pid(), int(show("NRestarts"))
    os.kill(old, signal.SIGSTOP)

    async def is_new() -> bool:
        return pid() not in {0, old}

    seconds = await until(is_new, 60)
    await until(is_ready, 60)
    return {
        "new_pid": pid() != old,
        "restarts": int(show("NRestarts")) - restarts,
        "seconds": seconds,
        "answers": (await ask("/v1/models")).status,
    }


async def killed(_upstream: Upstream) -> Any:
    old, restarts = pid(), int(show("NRestarts"))
    os.kill(old, signal.SIGKILL)

    async def is_new() -> bool:
        return pid() not in {0, old} and await is_ready()

    return {
        "seconds": await until(is_new, 60),
        "restarts": int(show("NRestarts")) - restarts,
        "answers": (await ask("/v1/models")).status,
    }


async def drain(upstream: Upstream) -> Any:
    old = pid()
    upstream.reply = " ".join(f"word{number}" for number in range(WORDS))
    upstream.pace_s = 0.05
    body = {"model": "chat", "stream": True, "messages": [{"role": "user", "content": "talk"}]}
    stream = asyncio.create_task(ask("/v1/chat/completions", json=body))
    await asyncio.sleep(0.5)
    await asyncio.to_thread(systemctl, "restart", UNIT)
    text = (await stream).text
    upstream.reply, upstream.pace_s = None, 0.0
    complete = f"word{WORDS - 1}" in text and text.endswith("data: [DONE]\n\n")
    return {"new_pid": pid() != old, "complete": complete}


async def restarts(_upstream: Upstream) -> Any:
    """Ask all the time, each time on a new connection, while the service is restarted."""
    failures: list[str] = []
    count = 0
    going = True

    async def load() -> None:
        nonlocal count
        body = {"model": "chat", "messages": [{"role": "user", "content": "Hello"}]}
        while going:
            try:
                answer = await ask(
                    "/v1/chat/completions", json=body, headers={"connection": "close"}
                )
                if answer.status not in {200, 503}:
                    failures.append(answer.text)
            except OSError as error:
                failures.append(repr(error))
            count += 1

    workers = [asyncio.create_task(load()) for _ in range(4)]
    done = 0
    for _ in range(10):
        done += (await asyncio.to_thread(systemctl, "restart", UNIT)).returncode == 0
        await asyncio.sleep(0.2)
    going = False
    await asyncio.gather(*workers)
    return {"restarts": done, "requests": count, "failures": failures[:20]}


async def smoke(_upstream: Upstream) -> Any:
    async def are_children_up() -> bool:
        return (await ask("/healthz/deps")).status == 200

    await until(are_children_up, 60)
    command = [sys.executable, "-m", "hx_gateway", "smoke", "--config", str(CONFIG)]
    run = await asyncio.to_thread(
        subprocess.run,
        [*command, "--key-file", "/etc/hx-gateway/master.key"],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    journal = subprocess.run(
        ["journalctl", "-u", UNIT, "-n", "60", "--no-pager"],
        capture_output=True,
        text=True,
        check=False,
    )
    return {"exit_code": run.returncode, "output": run.stdout + run.stderr + journal.stdout}


async def workers(upstream: Upstream) -> Any:
    """The same unit with two processes: what systemd sees of them, and what it does not."""
    with valkey_server() as redis:
        old = next(
            line for line in systemctl("cat", UNIT).stdout.splitlines() if "ExecStart=/" in line
        )
        lines = f"[Service]\nEnvironment=REDIS_URL={redis.url()}\nExecStart=\n{old} --workers 2\n"
        Path(f"/etc/systemd/system/{UNIT}.d/workers.conf").write_text(lines)
        systemctl("daemon-reload")
        done = systemctl("restart", UNIT)
        parent, restarts = pid(), int(show("NRestarts"))
        await until(both_serve, 60)
        for number in (signal.SIGKILL, signal.SIGSTOP):  # it dies; it hangs
            lost = min(worker_pids())
            os.kill(lost, number)
            await until(lambda: is_gone(lost), 60)  # noqa: B023 - awaited in the same round
            await until(both_serve, 60)
        configure(upstream, "chat", "for-all")
        systemctl("reload", UNIT)
        await until(all_know("for-all"), 60)
        stayed = pid() == parent and int(show("NRestarts")) == restarts
        return {"exit_code": done.returncode, "stayed": stayed, **await drain(upstream)}


def worker_pids() -> set[int]:
    return {
        child
        for child in children(pid())
        if b"hx_gateway.app.worker" in Path(f"/proc/{child}/cmdline").read_bytes()
    }


async def is_gone(process: int) -> bool:
    return not Path(f"/proc/{process}").exists()


async def both_serve() -> bool:
    return len(worker_pids()) == 2 and show("StatusText") == "serving (2 workers)"


def all_know(model: str) -> Callable[[], Awaitable[bool]]:
    """Ask twenty times, over connections of their own: each worker answers some of them."""

    async def ask_all() -> bool:
        return all([model in await models() for _ in range(20)])

    return ask_all


async def tell() -> None:
    for command in (["systemd-sysusers"], ["systemd-tmpfiles", "--create"]):
        subprocess.run(command, check=False)
    story: dict[str, Any] = {}
    async with Upstream() as upstream:
        for name, chapter in {
            "socket": start_by_socket,
            "ready": ready,
            "confined": confined,
            "secret": secret,
            "reload": reload,
            "broken_reload": broken_reload,
            "drain": drain,
            "restarts": restarts,
            "smoke": smoke,
            "watchdog": watchdog,
            "killed": killed,
            "workers": workers,
        }.items():
            try:
                story[name] = await chapter(upstream)
            except Exception:  # noqa: BLE001 - the story is told to its end
                story[name] = {"error": traceback.format_exc()}
            Path("/story.json").write_text(json.dumps(story, indent=1))


if __name__ == "__main__":
    asyncio.run(tell())
