"""Flat names and what they stand for."""

import pytest
from msgspec import Raw
from tests.support.calls import call

from hx_gateway.core.errors import InvalidRequest
from hx_gateway.dialects.openai_responses.tools import Original, flat_name, originals, read_tools

FUNCTION = {"type": "function", "name": "search", "parameters": {"type": "object"}}
PATCH = {"type": "custom", "name": "apply_patch", "format": {"type": "text"}}
SPACE = {"type": "namespace", "name": "mcp__mail", "description": "d", "tools": [FUNCTION, PATCH]}


def fields(*tools: object, **more: object) -> dict[str, Raw]:
    return dict(call({"tools": list(tools), **more}).fields)


@pytest.mark.parametrize(
    ("namespace", "name", "flat"),
    [
        (None, "search", "search"),
        ("crm", "search", "crm__search"),
        ("mcp__mail__", "search", "mcp__mail__search"),
        ("mcp__mail", "_search", "mcp__mail_search"),
    ],
)
def test_a_namespace_goes_into_the_name(namespace: str | None, name: str, flat: str) -> None:
    assert flat_name(namespace, name) == flat


def test_long_names_are_cut_and_stay_apart() -> None:
    names = {flat_name("n" * 60, f"tool_{number}") for number in range(50)}
    assert len(names) == 50
    assert {len(name) for name in names} == {64}


def test_tools_of_all_kinds_are_read() -> None:
    read = read_tools(fields(FUNCTION, PATCH, SPACE, {"type": "web_search"}))
    assert [(tool.name, tool.custom, tool.raw is not None) for tool in read] == [
        ("search", False, False),
        ("apply_patch", True, False),
        ("mcp__mail__search", False, False),
        ("mcp__mail__apply_patch", True, False),
        ("web_search", False, True),
    ]


def test_what_a_name_stood_for_is_found_again() -> None:
    assert originals(fields(FUNCTION, PATCH, SPACE)) == {
        "apply_patch": Original(name="apply_patch", custom=True),
        "mcp__mail__search": Original(name="search", namespace="mcp__mail"),
        "mcp__mail__apply_patch": Original(name="apply_patch", namespace="mcp__mail", custom=True),
    }


def test_tools_in_the_input_are_tools() -> None:
    item = {"type": "additional_tools", "role": "developer", "tools": [PATCH]}
    found = read_tools(fields(FUNCTION, input=[{"role": "user", "content": "x"}, item]))
    assert [tool.name for tool in found] == ["search", "apply_patch"]
    talk = [{"role": "user", "content": 'about "additional_tools"'}]
    assert len(read_tools(fields(FUNCTION, input=talk))) == 1


@pytest.mark.parametrize(
    ("tools", "param"), [([FUNCTION, {"name": 7}], "tools[1]"), ({"a": 1}, "tools")]
)
def test_a_mistake_names_its_place(tools: object, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_tools(dict(call({"tools": tools}).fields))
    assert caught.value.param == param
