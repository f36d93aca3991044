"""Choose the value of every option from where it may be set, and remember which source won.

The environment wins over `hx:`, which wins over LiteLLM's own key for the same thing.
"""

from collections.abc import Iterator, Mapping

import msgspec

from hx_gateway.config.document import Node
from hx_gateway.config.environment import Environment
from hx_gateway.config.option import Option, written
from hx_gateway.config.options import OPTIONS
from hx_gateway.config.report import Place, Report
from hx_gateway.config.scalar import READERS, read_bool, read_float
from hx_gateway.core.secret import Secret

DEFAULT = Place("default")


class Chosen(msgspec.Struct, frozen=True):
    """A value, and where it comes from; `Place("default")` when nobody set it."""

    value: object
    place: Place

    @property
    def is_set(self) -> bool:
        """Whether somebody set it."""
        return self.place != DEFAULT


class Candidate(msgspec.Struct, frozen=True):
    """One source of an option: the unread value, its place, and the name it has there."""

    value: object
    place: Place
    name: str


class Choices:
    """The chosen value of each option by path; `put` replaces one (used by composite settings)."""

    def __init__(self, chosen: dict[str, Chosen]) -> None:
        """Wrap what was chosen."""
        self._chosen = chosen

    def __getitem__(self, path: str) -> Chosen:
        return self._chosen[path]

    def put(self, path: str, value: object, place: Place) -> None:
        """Replace a value."""
        self._chosen[path] = Chosen(value, place)

    def put_unless_set(self, path: str, value: object, place: Place) -> None:
        """Give a value that is weaker than every explicit one."""
        if not self._chosen[path].is_set:
            self.put(path, value, place)

    def section(self, name: str) -> dict[str, object]:
        """Give the fields of one section, for its struct."""
        prefix = f"{name}."
        return {
            path.removeprefix(prefix): chosen.value
            for path, chosen in self._chosen.items()
            if path.startswith(prefix)
        }

    def items(self) -> "Iterator[tuple[str, Chosen]]":
        """Iterate over all."""
        return iter(self._chosen.items())


def choose(root: Node, environment: Environment, report: Report) -> Choices:
    """Choose all options; problems leave the default in place."""
    return Choices({option.path: _choose(option, root, environment, report) for option in OPTIONS})


def candidates(option: Option, root: Node, environment: Environment) -> list[Candidate]:
    """List the sources that set an option, the strongest first."""
    found = [
        Candidate(variable.value, variable.place, name)
        for name in option.env
        if (variable := environment.get(name)) is not None
    ]
    paths = [f"hx.{option.path}", *option.litellm]
    if option.path == "routing.default_group":
        paths.insert(1, "hx.default_group")
    nodes = [(path, node) for path in paths if (node := root.find(path)) is not None]
    return [*found, *(Candidate(node.plain(), node.place, path) for path, node in nodes)]


def _choose(option: Option, root: Node, environment: Environment, report: Report) -> Chosen:
    for name in option.off_env:
        if (variable := environment.get(name)) is not None:
            return _off(option, Candidate(variable.value, variable.place, name), report)
    sources = candidates(option, root, environment)
    values = [value for source in sources if (value := _read(option, source, report)) is not None]
    if not values:
        default = option.field.default
        return Chosen({} if default is msgspec.NODEFAULT else default, DEFAULT)
    # The special readers of URLs compare after normalising; here only what is compared as it is.
    if option.agree and not option.path.endswith("url"):
        _check_agreement(sources, [chosen.value for chosen in values], report)
    return values[0]


def _off(option: Option, source: Candidate, report: Report) -> Chosen:
    try:
        return Chosen(not read_bool(source.value), source.place)
    except ValueError as error:
        report.problem(source.place, source.name, str(error))
        return Chosen(option.field.default, DEFAULT)


def _check_agreement(sources: list[Candidate], values: list[object], report: Report) -> None:
    for source, value in zip(sources, values, strict=False):
        if value != values[0]:
            first = sources[0]
            text = f"differs from {first.name} ({first.place}); keep only one of the two"
            report.problem(source.place, source.name, text)


def _read(option: Option, source: Candidate, report: Report) -> Chosen | None:
    scale = option.scale if source.name in option.litellm else 1
    try:
        if scale != 1:
            return Chosen(_checked(option, read_float(source.value) * scale, scale), source.place)
        return Chosen(_checked(option, READERS[option.field.type](source.value)), source.place)
    except ValueError as error:
        report.problem(source.place, source.name, f"{error}; correct or remove it")
        return None


def _checked(option: Option, value: object, scale: int = 1) -> object:
    """Give a value within its limits, which are said in the unit it was written in."""
    if option.choices:
        return _choice(option, str(value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        if option.low is not None and value < option.low:
            raise ValueError(f"must be at least {written(option.low / scale)}")
        if option.high is not None and value > option.high:
            raise ValueError(f"must be at most {written(option.high / scale)}")
    return int(value) if scale != 1 and isinstance(value, float) else value


def _choice(option: Option, value: str) -> str:
    for choice in option.choices:
        if value.lower() == choice.lower():
            return choice
    raise ValueError(f"must be one of {', '.join(option.choices)}")


def shown(value: object) -> str:
    """Write a value for people; secrets are masked."""
    if isinstance(value, Secret):
        return "***"
    if isinstance(value, tuple):
        return ", ".join(shown(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={item}" for key, item in value.items())
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode()
    return "" if value is None else str(value)
