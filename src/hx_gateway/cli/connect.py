"""`hx-gateway connect CLIENT`: the settings with which a client uses this gateway.

The key is not printed unless asked for: what is printed is often pasted where others can read it.
"""

import argparse
import sys
from collections.abc import Sequence

from hx_gateway.app.connect import CLIENTS, Connection, connect, window_of
from hx_gateway.app.probe import ANYWHERE
from hx_gateway.cli.main import EXIT_OK, EXIT_USAGE, Nouns
from hx_gateway.cli.place import Place, add_address, add_json, find_place, snapshot_of
from hx_gateway.cli.smoke import chat_model, read_key
from hx_gateway.core import wire
from hx_gateway.core.secret import Secret
from hx_gateway.core.snapshot import Snapshot

PLACEHOLDER = "YOUR-HX-GATEWAY-KEY"


def add(verbs: Nouns, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = verbs.add_parser(
        "connect",
        help="print the settings that connect a client to the gateway",
        description="Print the exact settings for a client: environment variables, or a file.",
        parents=parents,
    )
    parser.add_argument("client", choices=sorted(CLIENTS), help="the client to connect")
    parser.add_argument(
        "--url", type=web_address, help="the gateway's address as the client sees it"
    )
    parser.add_argument("--model", help="the model it should use (default: the first chat model)")
    parser.add_argument("--key", metavar="KEY", help="the key to put in (default: a placeholder)")
    parser.add_argument("--key-file", metavar="FILE", help="file with that key; - is stdin")
    parser.add_argument(
        "--show-key", action="store_true", help="put the configured master key in; trials only"
    )
    add_address(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the settings."""
    place = find_place(args)
    snapshot = snapshot_of(place)
    if snapshot is None:
        return EXIT_USAGE
    model = args.model or chat_model(snapshot)
    if model is None:
        print("No chat model is configured; name one with --model.", file=sys.stderr)
        return EXIT_USAGE
    key = _key(args, snapshot)
    given = Connection(
        url=(args.url or _url(place, snapshot)).rstrip("/").removesuffix("/v1"),
        key=key.reveal() if key else PLACEHOLDER,
        model=model,
        window=window_of(snapshot.routes.get(snapshot.aliases.get(model, model))),
    )
    settings = connect(args.client, given)
    if args.json:
        print(wire.encode(settings).decode())
        return EXIT_OK
    print(settings.text)
    if key is None:
        print("Make a key of its own: hx-gateway keys create --alias ...", file=sys.stderr)
    return EXIT_OK


def web_address(text: str) -> str:
    """Read an address: what a client cannot use is not printed for it."""
    if not text.startswith(("http://", "https://")) or not text.isprintable() or " " in text:
        raise argparse.ArgumentTypeError(f"not an address of the web: {text!r}")
    return text


def _key(args: argparse.Namespace, snapshot: Snapshot) -> Secret | None:
    if args.key is not None:
        return Secret(args.key)
    if args.key_file is not None or args.show_key:
        return read_key(args.key_file, snapshot)
    return None


def _url(place: Place, snapshot: Snapshot) -> str:
    scheme = "https" if snapshot.server.tls_cert else "http"
    host = ANYWHERE.get(place.host, place.host)
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}:{place.port}"
