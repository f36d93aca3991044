"""Paths into a body: what they lead to goes, everything else stays byte for byte."""

from typing import Any

import pytest

from hx_gateway.adapter.inner import is_inner, without_inner
from hx_gateway.core import wire

BODY: dict[str, Any] = {
    "model": "m",
    "tools": [
        {"type": "function", "function": {"name": "f", "strict": True}},
        {"type": "function", "function": {"name": "g"}},
        "odd",
    ],
    "metadata": {"a": {"b": 1}, "c": [[{"d": 1, "e": 2}]]},
}


def taken(*paths: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    fields = wire.decode_fields(wire.encode(BODY))
    left, gone = without_inner(fields, paths)
    return wire.decode_any(wire.encode(left)), gone


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (
            "tools[*].function.strict",
            {"tools": [{"type": "function", "function": {"name": "f"}}, *BODY["tools"][1:]]},
        ),
        (
            "tools[1].type",
            {"tools": [BODY["tools"][0], {"function": {"name": "g"}}, "odd"]},
        ),
        ("metadata.a.b", {"metadata": {**BODY["metadata"], "a": {}}}),
        ("metadata.a", {"metadata": {"c": BODY["metadata"]["c"]}}),
        ("metadata.c[*][0].d", {"metadata": {**BODY["metadata"], "c": [[{"e": 2}]]}}),
    ],
)
def test_a_path_takes_what_it_leads_to_and_nothing_else(path: str, change: dict[str, Any]) -> None:
    assert taken(path) == ({**BODY, **change}, (path,))


@pytest.mark.parametrize(
    "path",
    [
        "tools[*].function.absent",
        "tools[7].type",
        "tools[*]",  # an item is not taken out: the others would change their places
        "tools[0]",
        "tools.function",
        "metadata[*].a",
        "metadata.a.b.c",
        "absent.a",
        "tools[",
        "tools[x].type",
        ".",
        "..a",
        "[]",
        "[*].a",
        "",
        "model",
        "model.x",
    ],
)
def test_a_path_that_leads_nowhere_changes_nothing(path: str) -> None:
    assert taken(path) == (BODY, ())


def test_several_paths_may_lead_into_one_field() -> None:
    left, gone = taken("metadata.a", "metadata.c[0][0].e", "tools[9].x")
    assert left["metadata"] == {"c": [[{"d": 1}]]}
    assert gone == ("metadata.a", "metadata.c[0][0].e")


def test_only_dots_and_brackets_make_a_path() -> None:
    assert [is_inner(path) for path in ("user", "a.b", "a[0]")] == [False, True, True]
