"""Read a configuration file and what it includes.

`include` lists files relative to the file that declares them. Lists are appended, everything else
is overwritten by the included file, as LiteLLM does it; a circle is a problem.
"""

from pathlib import Path

from hx_gateway.config.document import Node, parse
from hx_gateway.config.report import Place, Report
from hx_gateway.config.textfile import read_text


class Files(list[Path]):
    """The files that were read, in order."""


def read_config(path: Path, declared: Place, report: Report, files: Files) -> Node | None:
    """Read a file with its includes; None after a problem was reported.

    `declared` is where the file was named, for the message when it cannot be read.
    """
    return _read(path, declared, report, files, ())


def _read(
    path: Path, declared: Place, report: Report, files: Files, above: tuple[Path, ...]
) -> Node | None:
    real = path.resolve()
    if real in above:
        report.problem(declared, "include", f"{path} includes itself; remove one `include`")
        return None
    text = read_text(path, declared, report)
    node = parse(text, path, report) if text is not None else None
    if node is None or not isinstance(node.value, dict):
        return None
    files.append(path)
    result = dict(node.value)
    for child in _included(result.pop("include", None), report):
        more = _read(path.parent / str(child.value), child.place, report, files, (*above, real))
        if more is not None:
            _overlay(result, dict(more.members()))
    return Node(result, node.place)


def _included(node: Node | None, report: Report) -> list[Node]:
    if node is None or node.value is None:
        return []
    paths = node.items()
    if not isinstance(node.value, list) or not all(isinstance(p.value, str) for p in paths):
        report.problem(node.place, "include", "must be a list of file names")
        return []
    return paths


def _overlay(target: dict[str, Node], more: dict[str, Node]) -> None:
    for key, node in more.items():
        old = target.get(key)
        if old is not None and isinstance(old.value, list) and isinstance(node.value, list):
            target[key] = Node([*old.value, *node.value], old.place)
        else:
            target[key] = node
