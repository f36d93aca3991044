"""`hx-gateway explain`: what would become of a call, without making it.

A running gateway is asked, because only it knows how its deployments are. When none runs, the
configuration alone answers, as if everything were well.
"""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from hx_gateway.app.offline import explain_offline
from hx_gateway.app.probe import Said, calling
from hx_gateway.cli.main import EXIT_FAILED, EXIT_OK, EXIT_USAGE, Nouns
from hx_gateway.cli.place import Place, add_address, add_json, find_place, snapshot_of
from hx_gateway.cli.smoke import read_key
from hx_gateway.core import wire
from hx_gateway.core.errors import UpstreamError
from hx_gateway.core.snapshot import Snapshot

_NOT_RUNNING = "No gateway runs here: what follows is the configuration's view, all being well."


def add(verbs: Nouns, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = verbs.add_parser(
        "explain",
        help="say what would become of a call, without making it",
        description=(
            "Show the key's verdict, the route, each candidate with the reason for or against it, "
            "the request that would be sent (credentials masked), what was changed, and what it "
            "would cost. Exit code 1 when the call would be refused."
        ),
        parents=parents,
    )
    parser.add_argument(
        "--request", required=True, metavar="FILE", help="the call's JSON body; - is stdin"
    )
    parser.add_argument(
        "--path",
        default="/v1/chat/completions",
        help="where it would be sent (default: /v1/chat/completions)",
    )
    parser.add_argument(
        "--key", metavar="KEY", help="whose call: a key's alias or hash (default: the master key)"
    )
    parser.add_argument("--key-file", metavar="FILE", help="file with the key to ask with")
    add_address(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Ask, and show the answer."""
    place = find_place(args)
    snapshot = snapshot_of(place)
    if snapshot is None:
        return EXIT_USAGE
    try:
        request = wire.decode_any(_read(args.request))
    except (OSError, msgspec.DecodeError):
        print("--request: not a file with a JSON object", file=sys.stderr)
        return EXIT_USAGE
    body: dict[str, object] = {"request": request, "path": args.path}
    if args.key is not None:
        body["key"] = args.key
    told = asyncio.run(_ask(place, snapshot, body, args))
    if told is None:
        return EXIT_FAILED
    print(wire.encode(told).decode() if args.json else "\n".join(lines_of(told)))
    return EXIT_FAILED if told.get("problem") else EXIT_OK


def _read(name: str) -> bytes:
    return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()


async def _ask(
    place: Place, snapshot: Snapshot, body: Mapping[str, object], args: argparse.Namespace
) -> dict[str, Any] | None:
    key = read_key(args.key_file, snapshot)
    try:
        async with calling(place.origin, key) as caller:
            said = await caller.ask("/v1/explain", body)
    except UpstreamError:
        print(_NOT_RUNNING, file=sys.stderr)
        said = explain_offline(snapshot, body)
    return _value(said)


def _value(said: Said) -> dict[str, Any] | None:
    value = said.value if isinstance(said.value, dict) else {}
    if said.status == 200:
        return value
    message = value.get("error", {}).get("message", f"The gateway answers {said.status}.")
    print(message, file=sys.stderr)
    return None


def lines_of(told: Mapping[str, Any]) -> list[str]:
    """Write an explanation for people."""
    key = told["key"]
    name = key["alias"] or key["key"][:12]
    lines = [f"key       {name}: {key['reason'] or 'may make this call'}"]
    if route := told["route"]:
        by = route["pattern"] or route["found_by"]
        lines.append(f"route     {route['name']} (by {by}), {route['strategy']}")
    for each in told["candidates"]:
        mark = "+" if each["usable"] else "-"
        what = f"{each['deployment'][:12]} {each['provider']}/{each['model']}"
        lines.append(f"        {mark} {what}: {each['reason']}")
    asked = [_step(step) for step in told["attempts"]]
    if asked:
        lines.append(f"asked     {', then '.join(asked)}")
    if request := told["request"]:
        lines += _request_lines(request)
    if estimate := told["estimate"]:
        lines.append(_estimate_line(estimate))
    if problem := told["problem"]:
        lines.append(f"refused   {problem['status']} {problem['message']}")
    return lines


def _step(step: Mapping[str, Any]) -> str:
    notes = [word for word in ("retry", "fallback") if step[word]]
    if step["wait_s"]:
        notes.append(f"after {step['wait_s']} s")
    name = str(step["deployment"])[:12]
    return f"{name} ({', '.join(notes)})" if notes else name


def _request_lines(request: Mapping[str, Any]) -> list[str]:
    how = "relayed" if request["relayed"] else "translated"
    lines = [f"request   {request['method']} {request['address'] or ''}{request['path']} ({how})"]
    lines += [f"          {name}: {value}" for name, value in request["headers"].items()]
    lines.append(f"          {wire.encode(request['body']).decode()}")
    if request["changed"]:
        lines.append(f"changed   {', '.join(request['changed'])}")
    return lines


def _estimate_line(estimate: Mapping[str, Any]) -> str:
    most = estimate["most_output_tokens"]
    cost = estimate["least_usd"]
    price = "price unknown" if cost is None else f"{cost} to {estimate['most_usd'] or '?'} USD"
    return f"estimate  {estimate['input_tokens']} tokens in, {most or '?'} out at most, {price}"
