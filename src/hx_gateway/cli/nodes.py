"""`hx-gateway nodes list|warm|unload|pull`: the model servers that a running gateway knows."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from hx_gateway.app.probe import Caller, Said, calling
from hx_gateway.cli.main import EXIT_FAILED, EXIT_OK, EXIT_USAGE, Nouns
from hx_gateway.cli.place import add_address, add_json, find_place, snapshot_of
from hx_gateway.cli.smoke import read_key
from hx_gateway.core.errors import UpstreamError
from hx_gateway.core.http import Deadlines
from hx_gateway.core.wire import encode

Work = Callable[[Caller, argparse.Namespace], Awaitable[int]]
# Loading takes minutes; a download says something all along, but for as long as it takes.
_PATIENT = Deadlines(connect=2.0, first_byte=1000.0, idle=600.0, total=None)
_UNITS = ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB"))


def add(verbs: Nouns, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    summary = "list model servers of one's own; load, drop and download models"
    parser = verbs.add_parser(
        "nodes", help=summary, description=f"{summary.capitalize()}.", parents=parents
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True, title="actions")

    def action(name: str, work: Work, text: str) -> argparse.ArgumentParser:
        made = actions.add_parser(
            name, help=text, description=text.capitalize() + ".", parents=list(parents)
        )
        add_address(made)
        add_json(made)
        made.add_argument("--key-file", metavar="FILE", help="file with an admin key; - is stdin")
        made.set_defaults(run=run, work=work)
        return made

    action("list", show_all, "list nodes and their models")
    for name, work, text in (
        ("warm", tell("warm"), "load a model into a node's memory"),
        ("unload", tell("unload"), "drop a model from a node's memory"),
        ("pull", pull, "download a model to a node"),
    ):
        made = action(name, work, text)
        made.add_argument("node", metavar="NODE", help="its name, as `nodes list` shows it")
        made.add_argument("model", metavar="MODEL", help="as the node names it: llama3.2:3b")


def run(args: argparse.Namespace) -> int:
    """Do one action at the running gateway."""
    place = find_place(args)
    snapshot = snapshot_of(place)
    if snapshot is None:
        return EXIT_USAGE
    key = read_key(args.key_file, snapshot)

    async def work() -> int:
        async with calling(place.origin, key) as caller:
            return int(await args.work(caller, args))

    return asyncio.run(work())


async def show_all(caller: Caller, args: argparse.Namespace) -> int:
    """List nodes."""
    said = await _asked(caller.ask("/v1/nodes"))
    if said.status != 200 or args.json:
        return _tell(said, args)
    for node in said.value["data"]:
        for line in lines_of(node):
            print(line)
    if not said.value["data"]:
        print("No model server of one's own is configured.", file=sys.stderr)
    return EXIT_OK


def tell(verb: str) -> Work:
    """Make the action that tells a node to do something with a model."""

    async def work(caller: Caller, args: argparse.Namespace) -> int:
        path = f"/v1/nodes/{quote(args.node, safe='')}/{verb}"
        said = await _asked(caller.ask(path, {"model": args.model}, _PATIENT))
        if said.status != 200 or args.json:
            return _tell(said, args)
        for line in lines_of(said.value):
            print(line)
        return EXIT_OK

    return work


async def pull(caller: Caller, args: argparse.Namespace) -> int:
    """Download a model, and show how far it is."""
    path = f"/v1/nodes/{quote(args.node, safe='')}/pull"
    last = ""
    try:
        async for said in caller.lines(path, {"model": args.model}, _PATIENT):
            if said.status != 200 or "error" in _mapping(said.value):
                return _tell(said, args)
            if args.json:
                print(encode(said.value).decode(), flush=True)
            elif (line := step_of(said.value)) != last:
                last = line
                print(line, flush=True)
    except UpstreamError as error:
        return _tell(_unheard(error), args)
    return EXIT_OK


async def _asked(asking: Awaitable[Said]) -> Said:
    try:
        return await asking
    except UpstreamError as error:
        return _unheard(error)


def _unheard(error: UpstreamError) -> Said:
    text = f"No gateway answers there: {error.message}"
    return Said(status=0, value={"error": {"message": text}})


def _tell(said: Said, args: argparse.Namespace) -> int:
    error = _mapping(said.value).get("error")
    if args.json:
        print(encode(said.value).decode())
    elif error is not None:
        print(_mapping(error).get("message", "It failed."), file=sys.stderr)
    return EXIT_OK if said.status == 200 and error is None else EXIT_FAILED


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def lines_of(node: Mapping[str, Any]) -> list[str]:
    """Write a node for people: itself, then its models."""
    head = f"{node['name']}  {node['state']}  {node['provider']} {node['version'] or '?'}"
    lines = [f"{head}  {node['in_flight']} in flight"]
    for model in node["models"]:
        words = [f"  {model['name']}", size_of(model["size"])]
        if model["resident"]:
            words.append(f"in memory, {size_of(model['vram'])} of it video")
        if model["context"]:
            words.append(f"context {model['context']}")
        if model["in_flight"] or model["waiting"]:
            words.append(f"{model['in_flight']} in flight, {model['waiting']} waiting")
        lines.append("  ".join(words))
    return lines


def step_of(step: Mapping[str, Any]) -> str:
    """Write one step of a download: in whole per cent, so that lines do not repeat."""
    status, total = str(step.get("status", "")), step.get("total", 0)
    if not total:
        return status
    return f"{status}  {100 * step.get('completed', 0) // total} % of {size_of(total)}"


def size_of(count: int) -> str:
    """Write a number of bytes for people."""
    for unit, name in _UNITS:
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} B"
