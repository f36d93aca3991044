"""Show what is in force: every setting with its source, secrets masked; and a digest of it all."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from hx_gateway.config.models import Entry
from hx_gateway.config.options import OPTIONS
from hx_gateway.config.report import Place
from hx_gateway.config.routes import Routes
from hx_gateway.config.settings import Choices, shown
from hx_gateway.core.budget import Budget
from hx_gateway.core.route import Deployment
from hx_gateway.core.secret import Secret
from hx_gateway.core.snapshot import Setting

_NONE = "(none)"


def effective_settings(
    state_dir: Path, choices: Choices, addresses: Mapping[str, str], entries: Iterable[Entry]
) -> tuple[Setting, ...]:
    """List every setting, then every model; `addresses` are the URLs without their secrets."""
    place = Place("HX_STATE_DIR, STATE_DIRECTORY or the user's state folder")
    return (
        Setting(path="state_dir", value=str(state_dir), source=str(place)),
        *(
            Setting(
                path=f"hx.{option.path}",
                value=addresses.get(option.path) or shown(choices[option.path].value) or _NONE,
                source=str(choices[option.path].place),
            )
            for option in OPTIONS
        ),
        *(
            Setting(
                path=f"model {entry.name}",
                value=_summary(entry.deployment),
                source=str(entry.place),
            )
            for entry in entries
        ),
    )


def digest_of(
    choices: Choices, entries: Iterable[Entry], routes: Routes, budgets: Iterable[Budget]
) -> str:
    """Hash everything that is in force, secrets too, so that any change shows.

    Keys have at least 128 bits, so nobody finds one from the 64 bits given here.
    """
    content = {
        "settings": {path: chosen.value for path, chosen in choices.items()},
        "deployments": [_facts(entry.deployment) for entry in entries],
        "routes": [
            {**msgspec.structs.asdict(route), "deployments": [d.id for d in route.deployments]}
            for route in (*routes.exact.values(), *routes.wildcards)
        ],
        "aliases": routes.aliases,
        "budgets": list(budgets),
    }
    data = msgspec.json.encode(content, enc_hook=_encode, order="sorted")
    return hashlib.sha256(data).hexdigest()[:16]


def _summary(deployment: Deployment) -> str:
    origin = deployment.origin
    where = origin.socket_path or f"{origin.scheme}://{origin.authority}{deployment.base_path}"
    credential = "with a credential" if deployment.credential else "without a credential"
    target = "a canned answer" if deployment.canned is not None else f"{where}, {credential}"
    return f"{deployment.provider.name}/{deployment.model} at {target}"


def _facts(deployment: Deployment) -> dict[str, object]:
    return {**msgspec.structs.asdict(deployment), "provider": deployment.provider.name}


def _encode(value: object) -> object:
    return value.reveal() if isinstance(value, Secret) else str(value)
