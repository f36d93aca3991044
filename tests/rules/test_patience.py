"""A test that waits for something waits long: what works never needs it, whatever the machine."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.tree import named, parsed, tracked

LEAST_S = 30.0
FILES: list[Path] = [path for path in tracked("tests") if path.suffix == ".py"]


def impatient(tree: ast.AST) -> Iterator[int]:
    """Lines that wait with `until` or in `asyncio.timeout`, and give up too soon."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Name(id="until"), args=[_, ast.Constant(float() | int() as s), *_]
            ):
                found = s
            case ast.AsyncWith(
                items=[
                    *_,
                    ast.withitem(
                        context_expr=ast.Call(
                            func=ast.Attribute(attr="timeout"),
                            args=[ast.Constant(float() | int() as s)],
                        )
                    ),
                ],
            ):
                found = s
            case _:
                continue
        if found < LEAST_S:
            yield node.lineno


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("until(lambda: x, 5.0, 'x')", [1]),
        ("until(lambda: x, 30.0, 'x')", []),
        ("async def f():\n async with asyncio.timeout(3):\n  pass", [2]),
        ("async def f():\n async with room, asyncio.timeout(90):\n  pass", []),
    ],
)
def test_impatience_is_seen(text: str, lines: list[int]) -> None:
    assert list(impatient(ast.parse(text))) == lines


# About a deadline that passes: path -> how many.
DEADLINES = {"tests/e2e/test_hostile.py": 1, "tests/unit/core/test_run.py": 1}


def test_waits_are_patient() -> None:
    found = {named(path): list(impatient(parsed(path))) for path in FILES}
    few = {name: lines for name, lines in found.items() if len(lines) != DEADLINES.get(name, 0)}
    assert few == {}, f"waits of less than {LEAST_S} s, by line"
