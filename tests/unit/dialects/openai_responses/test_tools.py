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
    search = Original(name="search", namespace="mcp__mail")
    patch = Original(name="apply_patch", namespace="mcp__mail", custom=True)
    assert originals(fields(FUNCTION, PATCH, SPACE)) == {
        "apply_patch": Original(name="apply_patch", custom=True),
        "mcp__mail__search": search,
        "mcp__mail.search": search,
        "mcp__mail__apply_patch": patch,
        "mcp__mail.apply_patch": patch,
    }


def test_a_model_may_leave_out_the_namespace_where_only_one_tool_has_the_name() -> None:
    """Symptom: a model called Codex's `functions.exec`, as it is described, and nothing was run."""
    execute = {"type": "custom", "name": "exec", "format": {"type": "text"}}
    space = {"type": "namespace", "name": "functions", "tools": [execute]}
    found = originals(fields(FUNCTION, SPACE, space))
    names = ("functions__exec", "functions.exec", "exec")
    assert {found[name] for name in names} == {
        Original(name="exec", namespace="functions", custom=True)
    }
    assert "search" not in found


def test_a_search_for_tools_by_the_client_is_a_function_and_what_it_found_are_tools() -> None:
    search = {"type": "tool_search", "execution": "client", "description": "d", "parameters": {}}
    found = {"type": "tool_search_output", "execution": "client", "call_id": "c", "tools": [SPACE]}
    given = fields(search, input=[found, found])
    assert [tool.name for tool in read_tools(given)] == [
        "tool_search",
        "mcp__mail__search",
        "mcp__mail__apply_patch",
    ]
    assert originals(given)["tool_search"] == Original(name="tool_search", search=True)
    (by_vendor,) = read_tools(fields({"type": "tool_search", "execution": "server"}))
    assert by_vendor.raw is not None


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
