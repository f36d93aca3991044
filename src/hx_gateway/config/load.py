"""Load the configuration: read everything, report everything, compile one Snapshot."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from hx_gateway.config.compile import Compiler, Input
from hx_gateway.config.document import Node
from hx_gateway.config.embedded import Found, find_installed
from hx_gateway.config.environment import (
    Environment,
    Variable,
    process_environment,
    read_environment,
    state_dir,
)
from hx_gateway.config.include import Files, read_config
from hx_gateway.config.keys import KeyPolicy
from hx_gateway.config.known import open_known, unread_paths
from hx_gateway.config.leftout import left_out
from hx_gateway.config.placeholder import resolve
from hx_gateway.config.report import Place, Report
from hx_gateway.core.errors import ConfigError
from hx_gateway.core.snapshot import Setting, Snapshot

FILE_VARIABLES = ("CONFIG_FILE_PATH", "LITELLM_CONFIG")


class LoadOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to load, and how strictly.

    `keep_key`: a master key may be generated and written where none is configured.
    """

    config: Path | None = None
    env_file: Path | None = None
    environ: Mapping[str, str]
    found: Found
    dev: bool = False
    strict: bool = False
    keep_key: bool = True
    generation: int = 1


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: a snapshot, or problems. `unread` are keys without an effect.

    `settings` are there even when problems keep the snapshot back, if the file could be read.
    """

    snapshot: Snapshot | None
    settings: tuple[Setting, ...]
    sources: tuple[Path, ...]
    problems: tuple[str, ...]
    unread: tuple[str, ...]
    warnings: tuple[str, ...]


def load_snapshot(
    config: Path | None,
    env_file: Path | None,
    *,
    environ: Mapping[str, str] | None = None,
    dev: bool = False,
    strict: bool = False,
    generation: int = 1,
    found: Found | None = None,
) -> Snapshot:
    """Load and compile; raises ConfigError with all problems at once.

    `environ` None reads the process environment; `found` None looks for installed parts only.
    """
    result = examine(
        LoadOptions(
            config=config,
            env_file=env_file,
            environ=process_environment() if environ is None else environ,
            found=find_installed() if found is None else found,
            dev=dev,
            strict=strict,
            generation=generation,
        )
    )
    if result.snapshot is None:
        raise ConfigError(result.problems)
    return result.snapshot


def examine(options: LoadOptions) -> Result:
    """Load and compile, without raising."""
    report = Report()
    environment = read_environment(options.environ, options.env_file, report, strict=options.strict)
    files = Files()
    root = _read_root(options, environment, report, files)
    snapshot = None
    if root is not None:
        environment = _with_variables(root, environment)
        unread = unread_paths(open_known()) | left_out(root)
        resolved = resolve(root, environment, report, unread)
        snapshot = _compile(options, resolved, environment, files, report)
    if options.strict:
        report.problems.extend(report.unread)
    return Result(
        snapshot=None if report.problems else snapshot,
        settings=snapshot.settings if snapshot else (),
        sources=snapshot.sources if snapshot else (),
        problems=tuple(report.problems),
        unread=tuple(report.unread),
        warnings=tuple(report.warnings),
    )


def _read_root(
    options: LoadOptions, environment: Environment, report: Report, files: Files
) -> Node | None:
    """Read the configuration file; without one there is an empty configuration."""
    path = options.config
    declared = Place("--config")
    for name in FILE_VARIABLES if path is None else ():
        variable = environment.get(name)
        if variable is not None:
            path, declared = Path(variable.value), variable.place
            break
    if path is None:
        return Node({}, Place("no configuration file"))
    return read_config(path, declared, report, files)


def _with_variables(root: Node, environment: Environment) -> Environment:
    """Put `environment_variables` on top; what is below resolves its placeholders.

    Those that stay are reported with the rest of the file.
    """
    node = root.get("environment_variables")
    if node is None:
        return environment
    variables = {
        name: Variable(_variable_text(child.value), child.place)
        for name, child in resolve(node, environment, Report()).members()
        if child.value is not None
    }
    return environment.below(variables)


def _variable_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _compile(
    options: LoadOptions, root: Node, environment: Environment, files: Files, report: Report
) -> Snapshot:
    named = environment.text("HX_STATE_DIR")
    given = Input(
        root=root,
        environment=environment,
        state_dir=Path(named).absolute() if named else state_dir(options.environ),
        found=options.found,
        policy=KeyPolicy(dev=options.dev, keep=options.keep_key, strict=options.strict),
    )
    sources = (*files, *([options.env_file] if options.env_file else []))
    compiled = Compiler(given, report).compile(sources, options.generation)
    return msgspec.structs.replace(compiled, warnings=(*report.warnings, *report.unread))
