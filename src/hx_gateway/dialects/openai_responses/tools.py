"""The tools of a Responses call: functions, custom tools, both in namespaces, and the vendor's own.

Elsewhere a tool has one flat name and takes JSON. What a flat name stood for is found again when
the model calls it. A search for further tools that the client does itself is a function elsewhere.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

from hx_gateway.core.chat import Tool
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.dialects.fields import ABSENT, present

DIALECT = "openai_responses"
_MAX_NAME = 64  # of OpenAI, Anthropic and most that imitate them


class Original(msgspec.Struct, frozen=True, kw_only=True):
    """What a flat name stands for; `search`: the client's search for tools."""

    name: str
    namespace: str | None = None
    custom: bool = False
    search: bool = False


class _Tool(msgspec.Struct):
    type: str = "function"
    name: str | None = None
    description: str | None = None
    parameters: Raw = ABSENT
    strict: bool | None = None
    format: Raw = ABSENT
    execution: str | None = None
    tools: list[Raw] = []


class _Item(msgspec.Struct):
    type: str | None = None
    tools: list[Raw] = []


_TOOL = Decoder(_Tool)
_TOOLS = Decoder(list[Raw] | None)
_ITEMS = Decoder(str | list[_Item])
SEARCH = "tool_search"
# Items of the input that hold tools.
_MORE_TOOLS = frozenset({"additional_tools", "tool_search_output"})
_MARKS = tuple(f'"{name}"'.encode() for name in _MORE_TOOLS)


def read_tools(fields: Mapping[str, Raw]) -> tuple[Tool, ...]:
    """Read a call's tools; raises InvalidRequest. One client sends them as an item of the input."""
    return tuple(made for made, _ in _all(fields))


def originals(fields: Mapping[str, Raw]) -> dict[str, Original]:
    """Find what the flat names of a call's tools stand for, where that is not themselves.

    Models read of `space.tool`, or of a tool without its space, and call it so.
    """
    every = list(_all(fields))
    known = {
        tool.name: original
        for tool, original in every
        if original.namespace is not None or original.custom or original.search
    }
    given = Counter(original.name for _, original in every)
    for _, original in every:
        if original.namespace is not None:
            known.setdefault(f"{original.namespace}.{original.name}", original)
            if given[original.name] == 1:
                known.setdefault(original.name, original)
    return known


def found_names(tools: Iterable[Raw]) -> list[str]:
    """Give the flat names of tools that a search has found."""
    return [tool.name for data in tools for tool, _ in _read(data, "input")]


def flat_name(namespace: str | None, name: str) -> str:
    """Make one name of two; a long one is cut and told apart by what was cut off."""
    if namespace is None:
        return name
    glue = "" if namespace.endswith("_") or name.startswith("_") else "__"
    whole = f"{namespace}{glue}{name}"
    if len(whole) <= _MAX_NAME:
        return whole
    mark = blake2b(whole.encode(), digest_size=4).hexdigest()
    return f"{whole[: _MAX_NAME - len(mark) - 1]}_{mark}"


def _all(fields: Mapping[str, Raw]) -> Iterator[tuple[Tool, Original]]:
    seen: set[str] = set()  # a tool is found again and again
    for index, data in enumerate(_given(fields)):
        for tool, original in _read(data, f"tools[{index}]"):
            if tool.name not in seen:
                yield tool, original
            seen.add(tool.name)


def _given(fields: Mapping[str, Raw]) -> list[Raw]:
    try:
        tools = list(_TOOLS.decode(fields.get("tools", Raw(b"null"))) or ())
        given = fields.get("input", ABSENT)
        said = bytes(given)
        if any(said.find(mark) >= 0 for mark in _MARKS):
            items = _ITEMS.decode(given)
            tools += [
                tool
                for item in items
                if isinstance(item, _Item) and item.type in _MORE_TOOLS
                for tool in item.tools
            ]
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"Invalid value for 'tools': {error}.", param="tools") from None
    return tools


def _read(data: Raw, where: str, namespace: str | None = None) -> Iterator[tuple[Tool, Original]]:
    try:
        tool = _TOOL.decode(data)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"Invalid value for '{where}': {error}.", param=where) from None
    name = tool.name
    if tool.type == "namespace" and namespace is None:
        for each in tool.tools:
            yield from _read(each, where, name)
    elif tool.type == SEARCH and tool.execution == "client":
        made = Tool(name=SEARCH, description=tool.description, parameters=present(tool.parameters))
        yield made, Original(name=SEARCH, search=True)
    elif tool.type not in {"function", "custom"} or name is None:
        kept = Tool(name=name or tool.type, raw=data.copy(), dialect=DIALECT)
        yield kept, Original(name=kept.name)
    else:
        custom = tool.type == "custom"
        made = Tool(
            name=flat_name(namespace, name),
            description=tool.description,
            parameters=present(tool.parameters),
            strict=tool.strict,
            custom=custom,
            format=present(tool.format),
        )
        yield made, Original(name=name, namespace=namespace, custom=custom)
