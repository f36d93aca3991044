"""What a person at a terminal reads first: the address, the key if it is ours, a line to paste."""

from hx_gateway.core.call import Operation
from hx_gateway.core.route import Route
from hx_gateway.core.snapshot import Snapshot

_MASTER_KEY = "hx.auth.master_key"
_ENVIRONMENT = "environment "
_SHOWN = 8  # names of models; the rest is counted
_JSON = "-H 'Content-Type: application/json'"


def welcome(snapshot: Snapshot, port: int) -> str:
    """Write it. A key that somebody configured is not shown, only where it is."""
    scheme = "https" if snapshot.server.tls_cert else "http"
    base = f"{scheme}://127.0.0.1:{port}"
    lines = [f"\nHX Gateway answers on {base}/v1"]
    lines += _models(snapshot)
    if snapshot.local.scripted:
        lines.append("No model is installed: `demo` gives scripted answers. For a real one:")
        lines.append("  pip install 'hx-gateway[local]' && hx-gateway demo install")
    if snapshot.auth.master_key_generated and snapshot.auth.master_key is not None:
        key, where = snapshot.auth.master_key.reveal(), ""
        lines.append(f"Master key (kept in {snapshot.state_dir / 'master_key'}): {key}")
    else:
        key, where = _variable(snapshot)
    lines += [f"Try it{where}:", f"  {_command(snapshot, base, key)}\n"]
    return "\n".join(lines) + "\n"


def _models(snapshot: Snapshot) -> list[str]:
    """Name what can be asked: a key that was found in the environment adds `vendor/*`."""
    names = [name for name, route in snapshot.routes.items() if not route.hidden]
    more = [f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    wildcards = [route.name for route in snapshot.wildcards if not route.hidden]
    shown = [*names[:_SHOWN], *more, *wildcards]
    return [f"Models: {', '.join(shown)}"] if shown else []


def _variable(snapshot: Snapshot) -> tuple[str, str]:
    """Give a shell variable for the master key, and what must be put into it if it is ours."""
    source = next((s.source for s in snapshot.settings if s.path == _MASTER_KEY), "")
    if source.startswith(_ENVIRONMENT):
        return f"${source.removeprefix(_ENVIRONMENT)}", ""
    return "$MASTER_KEY", f", with the master key of {source} in MASTER_KEY"


def _command(snapshot: Snapshot, base: str, key: str) -> str:
    # In double quotes, so that the shell puts the variable in.
    authorization = f'-H "Authorization: Bearer {key}"'
    for name, route in snapshot.routes.items():
        if _chats(route):
            body = f'{{"model": "{name}", "messages": [{{"role": "user", "content": "Hello"}}]}}'
            return f"curl {base}/v1/chat/completions {authorization} {_JSON} -d '{body}'"
    return f"curl {base}/v1/models {authorization}"


def _chats(route: Route) -> bool:
    return any(
        deployment.mode in {None, "chat"} and Operation.CHAT in deployment.provider.speaks
        for deployment in route.deployments
    )
