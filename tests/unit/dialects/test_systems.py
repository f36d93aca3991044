import pytest
from msgspec import Raw

from hx_gateway.core.chat import Message, Role, Text, ToolResult
from hx_gateway.dialects.systems import with_one_system


def said(role: Role, *texts: str) -> Message:
    return Message(role=role, parts=tuple(Text(text=text) for text in texts))


def system(*texts: str) -> Message:
    return said(Role.SYSTEM, *texts)


def user(*texts: str) -> Message:
    return said(Role.USER, *texts)


def answered(*texts: str) -> Message:
    parts = tuple(Text(text=text) for text in texts)
    return Message(role=Role.TOOL, parts=(ToolResult(id="c", parts=parts),))


MODEL = said(Role.ASSISTANT, "m")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([], []),
        ([user("u"), MODEL], [user("u"), MODEL]),
        ([system("a"), user("u")], [system("a"), user("u")]),
        ([system("a"), system("b", "c"), user("u")], [system("a\n\nb\n\nc"), user("u")]),
        ([system("a")], [system("a")]),
        ([user("u"), system("a")], [user("u", "<system>\na\n</system>")]),
        (
            [system("s"), user("u"), system("a"), system("b", "c"), MODEL],
            [system("s"), user("u", "<system>\na\n</system>", "<system>\nb\nc\n</system>"), MODEL],
        ),
        ([answered("r"), system("a"), MODEL], [answered("r", "<system>\na\n</system>"), MODEL]),
        (
            [MODEL, system("a"), system("b"), user("u"), user("v")],
            [MODEL, user("<system>\na\n</system>", "<system>\nb\n</system>", "u"), user("v")],
        ),
        ([MODEL, system("a"), MODEL], [MODEL, user("<system>\na\n</system>"), MODEL]),
    ],
)
def test_only_the_first_message_is_the_systems(given: list[Message], told: list[Message]) -> None:
    """Symptom: Claude Code got nothing but 500s from models whose template takes one of them."""
    assert list(with_one_system(tuple(given))) == told


def test_a_text_with_a_cache_mark_is_joined_too() -> None:
    marked = Message(role=Role.SYSTEM, parts=(Text(text="a", cache=Raw(b"{}")), Text(text="b")))
    assert with_one_system((marked,)) == (system("a\n\nb"),)
