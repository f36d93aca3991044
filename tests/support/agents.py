"""Run the real Claude Code and Codex against a gateway before upstreams of all four formats.

They are too large for the test suites. Install them anywhere and name the folder of the programs:

    npm install --prefix ~/agents @anthropic-ai/claude-code @openai/codex
    .venv/bin/python -m tests.support.agents ~/agents/node_modules/.bin

They are given what `hx-gateway connect` prints, and a home of their own.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
from tests.support.agent_upstream import FORMATS, AgentUpstream, Turn, model_of
from tests.support.served import Gateway

# A name that Codex knows brings its own tools: patches as a custom tool, the search for tools.
CODEX_MODEL = "gpt-5.5"
MCP_SERVER = str(Path(__file__).parent / "mcp_server.py")
PATCH = "*** Begin Patch\n*** Add File: out.txt\n+é\n*** End Patch\n"
ASKED = {"q": "x"}
DONE = Turn(text="All done.", thinking="It is done.")
RUN = "echo hi > made.txt; ls"

CLAUDE: dict[str, tuple[Turn, ...]] = {
    "plain": (Turn(text="All done.", thinking="Easy."),),
    "files": (
        Turn(text="Looking.", thinking="Look first.", calls=(("Bash", {"command": RUN}),)),
        Turn(text="Writing.", calls=(("Write", {"file_path": "out.txt", "content": "é\n"}),)),
        DONE,
    ),
    "mcp": (
        Turn(text="Finding.", calls=(("ToolSearch", {"query": "select:mcp__docs__search"}),)),
        Turn(text="Asking.", calls=(("mcp__docs__search", ASKED),)),
        DONE,
    ),
}
CODEX: dict[str, tuple[Turn, ...]] = {
    "plain": (Turn(text="All done.", thinking="Easy."),),
    "files": (
        Turn(text="Looking.", thinking="Look first.", calls=(("exec_command", {"cmd": RUN}),)),
        Turn(text="Writing.", calls=(("apply_patch", {"input": PATCH}),)),
        DONE,
    ),
    "mcp": (
        Turn(text="Finding.", calls=(("tool_search", {"query": "documents"}),)),
        Turn(text="Asking.", calls=(("mcp__docs__search", ASKED),)),
        DONE,
    ),
}
# Name of a trial: its scenario, the statuses of the first answers, how many streams are cut.
TRIALS: dict[str, tuple[str, tuple[int, ...], int]] = {
    "files": ("files", (), 0),
    "mcp": ("mcp", (), 0),
    "busy": ("plain", (529,) * 4, 0),
    "cut": ("plain", (), 1),
}


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """How a program ended."""

    code: int | None
    out: str
    err: str


async def run(command: list[str], environment: dict[str, str], folder: Path) -> Ran:
    """Run a program to its end."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), 120)
    except TimeoutError:
        process.kill()
        out, err = await process.communicate()
    return Ran(code=process.returncode, out=out.decode(), err=err.decode())


async def connect(gateway: Gateway, client: str, model: str) -> dict[str, Any]:
    """Take the settings that the command prints."""
    ran = await gateway.run(
        "connect", client, "--url", gateway.url, "--model", model, "--show-key", "--json"
    )
    settings: dict[str, Any] = msgspec.json.decode(ran.out)
    return settings


async def claude(folder: Path, gateway: Gateway, place: Path, scenario: str) -> Ran:
    """Ask Claude Code."""
    servers = {"docs": {"command": sys.executable, "args": [MCP_SERVER]}}
    mcp = msgspec.json.encode({"mcpServers": servers}).decode()
    allowed = "Bash,Write,ToolSearch,mcp__docs__search"
    settings = await connect(gateway, "claude-code", "model")
    environment = {
        **settings["environment"],
        "HOME": str(place),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }
    ask = ["-p", f"SCENARIO:{scenario} go", "--allowedTools", allowed, "--mcp-config", mcp]
    return await run([str(folder / "claude"), *ask], environment, place / "work")


async def codex(folder: Path, gateway: Gateway, place: Path, scenario: str) -> Ran:
    """Ask Codex."""
    settings = await connect(gateway, "codex", CODEX_MODEL)
    server = f'[mcp_servers.docs]\ncommand = "{sys.executable}"\nargs = ["{MCP_SERVER}"]\n'
    file = place / ".codex" / "config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{settings['content']}\n{server}")
    ask = ["exec", "--skip-git-repo-check", "--sandbox", "danger-full-access"]
    command = [str(folder / "codex"), *ask, f"SCENARIO:{scenario} go"]
    return await run(command, {**settings["environment"], "HOME": str(place)}, place / "work")


Agent = Callable[[Path, Gateway, Path, str], Awaitable[Ran]]
AGENTS: dict[str, tuple[Agent, dict[str, tuple[Turn, ...]]]] = {
    "claude": (claude, CLAUDE),
    "codex": (codex, CODEX),
}


def config(form: str, upstream: AgentUpstream) -> dict[str, Any]:
    """One model, under a name of its own and one that Codex knows."""
    return {
        "model_list": [model_of(form, upstream, "model")],
        "router_settings": {"model_group_alias": {CODEX_MODEL: "model"}},
    }


def verdict(trial: str, ran: Ran, work: Path, told: bytes) -> str:
    """Say whether a program did what was to be done, and what it said if not."""
    done = ran.code == 0 and "All done." in ran.out
    if trial == "files":
        done = done and (work / "made.txt").exists() and (work / "out.txt").read_text() == "é\n"
    if trial == "mcp":
        done = done and b"found x" in told
    return "ok" if done else f"FAILED ({ran.code}): {ran.out[-300:]} {ran.err[-300:]}"


async def try_agent(name: str, form: str, folder: Path, place: Path) -> bool:
    """Run all trials of one agent before one format; prints each, tells if all went well."""
    agent, scenarios = AGENTS[name]
    well = True
    async with AgentUpstream(scenarios) as upstream:
        gateway = Gateway(place / "gateway", config=config(form, upstream))
        gateway.start()
        try:
            await gateway.wait_ready()
            for trial, (scenario, statuses, cuts) in TRIALS.items():
                upstream.statuses.extend(statuses)
                upstream.cuts = cuts
                (place / trial / "work").mkdir(parents=True)
                ran = await agent(folder, gateway, place / trial, scenario)
                told = b"".join(asked.body for asked in upstream.asked_to_answer)
                said = verdict(trial, ran, place / trial / "work", told)
                well &= said == "ok"
                print(f"{name} before {form}, {trial}: {said}", flush=True)
        finally:
            await gateway.stop()
    return well


async def main(folder: Path) -> int:
    """Run everything; 0 if all went well."""
    well = True
    for name in AGENTS:
        for form in FORMATS:
            with tempfile.TemporaryDirectory() as place:
                well &= await try_agent(name, form, folder, Path(place))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]))))
