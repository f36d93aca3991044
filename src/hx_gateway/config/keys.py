"""Judge the keys that let somebody in, and make a master key where nobody gave one."""

from ipaddress import ip_address
from pathlib import Path

import msgspec

from hx_gateway.config.masterkey import keep_new_key, read_kept_key, weakness
from hx_gateway.config.paths import key_path
from hx_gateway.config.report import Place, Report, file_place
from hx_gateway.config.settings import Choices
from hx_gateway.core.secret import Secret


class KeyPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How strict to be. `keep`: a key may be generated and written (serve yes, check no)."""

    dev: bool = False
    keep: bool = True
    strict: bool = False


def judge_keys(choices: Choices, state_dir: Path, policy: KeyPolicy, report: Report) -> bool:
    """Check the keys; True when the master key is a generated one."""
    master = choices["auth.master_key"]
    if isinstance(master.value, Secret):
        _judge(master.value, master.place, "master key", policy, report)
    for key in _admin_keys(choices):
        _judge(key, choices["auth.admin_keys"].place, "admin key", policy, report)
    return not master.is_set and _generate(choices, state_dir, policy, report)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _admin_keys(choices: Choices) -> tuple[Secret, ...]:
    keys = choices["auth.admin_keys"].value
    return keys if isinstance(keys, tuple) else ()


def _judge(key: Secret, place: Place, name: str, policy: KeyPolicy, report: Report) -> None:
    weak = weakness(key.reveal())
    if weak is None:
        return
    if policy.dev:
        report.warning(place, "", f"the {name} {weak}; accepted only because of --dev")
    else:
        advice = "make one with: openssl rand -hex 24"
        report.problem(place, "", f"the {name} {weak}; {advice}")


def _generate(choices: Choices, state_dir: Path, policy: KeyPolicy, report: Report) -> bool:
    host = str(choices["server.host"].value)
    if not is_loopback(host):
        text = f"no master key, but {host} can be reached by others; set LITELLM_MASTER_KEY"
        report.problem(choices["server.host"].place, "", f"{text}, or listen on 127.0.0.1")
        return False
    try:
        key = keep_new_key(state_dir) if policy.keep else read_kept_key(state_dir)
    except OSError as error:
        place = file_place(key_path(state_dir))
        report.problem(
            place, "", f"no master key can be kept here ({error.strerror}); set HX_STATE_DIR"
        )
        return False
    if key is not None and weakness(key.reveal()) is not None:
        place = file_place(key_path(state_dir))
        report.problem(place, "", "the kept master key is damaged; remove the file for a new one")
        return False
    when = "kept" if key is not None else "at the first start it will be kept"
    choices.put("auth.master_key", key, Place(f"generated, {when} in {key_path(state_dir)}"))
    return True
