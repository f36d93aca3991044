"""Tell which keys of a configuration nobody reads, and where a misplaced one belongs.

What LiteLLM knows is data (`data/litellm_settings.json`): per section the keys that we support,
those that need nothing from us (ignored), and those that have no effect here yet.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib import resources

import msgspec

from hx_gateway.config.document import Node
from hx_gateway.config.option import SECTIONS
from hx_gateway.config.options import OPTIONS
from hx_gateway.config.params import BESIDE
from hx_gateway.config.report import Report

_SECTIONS = ("general_settings", "litellm_settings", "router_settings")
_CALLBACKS = frozenset(
    {"callbacks", "success_callback", "failure_callback", "service_callback", "service_callbacks"}
)
_METRICS = ("prometheus", "prometheus_system")
# How alike an unknown key and a known one must be (difflib's measure): `hots` is `host`.
_ALIKE = 0.75
# Keys directly under `hx:` beside the sections and the names of node providers.
HX_KEYS = ("default_group",)


class Keys(msgspec.Struct, frozen=True):
    """The keys of one section."""

    supported: frozenset[str]
    ignored: frozenset[str]
    unsupported: frozenset[str]

    @property
    def all(self) -> frozenset[str]:
        """Every key that LiteLLM has there."""
        return self.supported | self.ignored | self.unsupported


def open_known() -> Mapping[str, Keys]:
    """Read the table that comes with the program, by section."""
    data = resources.files("hx_gateway.data").joinpath("litellm_settings.json").read_bytes()
    return msgspec.json.decode(data, type=dict[str, Keys])


def check_keys(root: Node, known: Mapping[str, Keys], nodes: Iterable[str], report: Report) -> None:
    """Note all keys without an effect; `nodes` are the providers that may stand under `hx:`.

    Keys inside `litellm_params` that nobody knows are body fields, so they are no mistakes.
    """
    checker = _Checker(known, report)
    checker.section(root, "top", "")
    for name in _SECTIONS:
        if (node := root.get(name)) is not None:
            checker.section(node, name, name)
    if (cache := root.find("litellm_settings.cache_params")) is not None:
        checker.section(cache, "cache_params", "litellm_settings.cache_params")
    _check_variables(root, report)
    if (hx := root.get("hx")) is not None:
        _check_hx(hx, [*HX_KEYS, *nodes], report)


def check_model_keys(node: Node, path: str, known: Mapping[str, Keys], report: Report) -> None:
    """Note the keys of one `model_list` entry that have no effect."""
    checker = _Checker(known, report)
    checker.entry(node, path)
    if (params := node.get("litellm_params")) is not None:
        checker.unsupported(params, "litellm_params", f"{path}.litellm_params")
        if (stream := params.get("stream")) is not None:
            text = "is for the client to ask for; it has no effect in a model"
            report.warning(stream.place, f"{path}.litellm_params.stream", text)
    if (info := node.get("model_info")) is not None:
        checker.unsupported(info, "model_info", f"{path}.model_info")


def unread_paths(known: Mapping[str, Keys]) -> frozenset[str]:
    """Give the paths of all keys that LiteLLM has and we do not; `[]` is any place in a list."""
    homes = {name: f"{name}." for name in _SECTIONS}
    homes |= {name: f"model_list[].{name}." for name in ("litellm_params", "model_info")}
    homes |= {"top": "", "cache_params": "litellm_settings.cache_params."}
    return frozenset(
        f"{home}{key}" for name, home in homes.items() for key in known[name].unsupported
    )


class _Checker:
    def __init__(self, known: Mapping[str, Keys], report: Report) -> None:
        self._known = known
        self._report = report

    def section(self, node: Node, section: str, path: str) -> None:
        """Check a section in which every key must be known."""
        if not isinstance(node.value, dict):
            self._report.problem(node.place, path, "must be a mapping")
            return
        self.unsupported(node, section, path)
        keys = self._known[section].all
        for key, child in node.members():
            # `x-…` holds what anchors point to, as in compose files; nobody means a setting by it.
            if key not in keys and not (section == "top" and key.startswith("x-")):
                text = f"unknown key, it has no effect{self._advice(key, section)}"
                self._report.no_effect(child.place, _join(path, key), text)

    def unsupported(self, node: Node, section: str, path: str) -> None:
        """Check for keys that LiteLLM has and we do not, unless they ask for nothing."""
        for key, child in node.members():
            asked = _beyond_metrics(child.plain()) if key in _CALLBACKS else child.plain()
            nothing = asked in (None, False, "", [], {})
            if key in self._known[section].unsupported and not nothing:
                text = "known to LiteLLM, but not supported yet: it has no effect"
                self._report.warning(child.place, _join(path, key), text)

    def entry(self, node: Node, path: str) -> None:
        """Check the keys of a model."""
        for key, child in node.members():
            if key not in {"model_name", "litellm_params", "model_info", *BESIDE}:
                inside = key in self._known["litellm_params"].supported
                advice = "; it belongs under litellm_params" if inside else ""
                self._report.no_effect(
                    child.place, f"{path}.{key}", f"unknown key, it has no effect{advice}"
                )

    def _advice(self, key: str, section: str) -> str:
        if section == "top" and key in SECTIONS:
            return f"; it belongs under hx: as hx.{key}"
        homes = [name for name, keys in self._known.items() if name != section and key in keys.all]
        for home in ("top", *_SECTIONS):
            if home in homes:
                return (
                    "; it belongs at the top level"
                    if home == "top"
                    else f"; it belongs under {home}"
                )
        close = get_close_matches(key, sorted(self._known[section].all), n=1, cutoff=_ALIKE)
        return f"; did you mean {close[0]}?" if close else "; remove it"


def _beyond_metrics(asked: object) -> object:
    """Leave the metrics out of a list of callbacks: they are served in any case."""
    names = asked if isinstance(asked, list) else [asked]
    return [name for name in names if name not in _METRICS]


def _check_variables(root: Node, report: Report) -> None:
    early = {name for option in OPTIONS if option.early for name in option.env}
    variables = root.get("environment_variables")
    for name, node in variables.members() if variables is not None else ():
        if name in early:
            text = "is needed before this file is read; set it in the environment or env file"
            report.no_effect(node.place, f"environment_variables.{name}", text)


def _check_hx(hx: Node, names: list[str], report: Report) -> None:
    if not isinstance(hx.value, dict):
        report.problem(hx.place, "hx", "must be a mapping")
        return
    for section, node in hx.members():
        if section in SECTIONS:
            _check_hx_section(node, section, report)
        elif section not in names:
            text = _refusal(section, [*SECTIONS, *names])
            report.problem(node.place, f"hx.{section}", text)


def _check_hx_section(node: Node, section: str, report: Report) -> None:
    known = [o.path.partition(".")[2] for o in OPTIONS if o.path.startswith(f"{section}.")]
    if node.value is not None and not isinstance(node.value, dict):
        report.problem(node.place, f"hx.{section}", "must be a mapping")
    for key, child in node.members():
        path = f"hx.{section}.{key}"
        if key not in known:
            report.problem(child.place, path, _refusal(key, known))
        for option in OPTIONS:
            if option.early and path == f"hx.{option.path}":
                text = f"is needed before this file is read; set {option.env[0]} or --{key}"
                report.problem(child.place, path, text)


def _refusal(key: str, known: list[str]) -> str:
    close = get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
    return f"unknown setting; {hint}"


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
