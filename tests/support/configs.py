"""Configurations for tests: written to a folder, loaded with a fixed environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hx_gateway.config.document import Node, parse
from hx_gateway.config.embedded import Found
from hx_gateway.config.environment import Environment, Variable
from hx_gateway.config.load import LoadOptions, Result, examine
from hx_gateway.config.report import Place, Report

MASTER_KEY = "sk-test-0123456789-abcdefghijklmnop"
NOWHERE = Place("nowhere")


def node(text: str) -> Node:
    """Parse YAML that is known to be good."""
    report = Report()
    parsed = parse(text, Path("config.yaml"), report)
    assert parsed is not None, report.problems
    return parsed


def variables(**values: str) -> Environment:
    """An environment of one layer."""
    return Environment([{k: Variable(v, Place(f"environment {k}")) for k, v in values.items()}])


def check(
    folder: Path,
    text: str | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    found: Found | None = None,
    **options: Any,
) -> Result:
    """Examine a configuration; the state directory and the master key are given."""
    path = None
    if text is not None:
        path = folder / "config.yaml"
        path.write_text(text, encoding="utf-8")
    base = {"HX_STATE_DIR": str(folder / "state"), "LITELLM_MASTER_KEY": MASTER_KEY}
    return examine(
        LoadOptions(
            config=path,
            environ={**base, **(environ or {})},
            found=found or Found(chat=True, embedding=True, vectors=True),
            **options,
        )
    )
