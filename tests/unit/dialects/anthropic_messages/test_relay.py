"""Thoughts of other vendors stay behind in a relay; nothing else is touched."""

import pytest
from msgspec import Raw

from hx_gateway.dialects.anthropic_messages.relay import (
    has_foreign_thoughts,
    without_foreign_thoughts,
)

OWN = b'{"type":"thinking","thinking":"a","signature":"ErUB"}'
UNSIGNED = b'{"type":"thinking","thinking":"b","signature":""}'
SEALED = b'{"type":"thinking","thinking":"c","signature":"responses:gAAA"}'
TALK = (
    b'{ "type":"text","text":"about \\"signature\\":\\"\\"" ,"big":123456789012345678901234567890}'
)


def messages(*blocks: bytes) -> Raw:
    return Raw(
        b'[{"role":"user","content":"hi"},{"role":"assistant","content":['
        + b",".join(blocks)
        + b"]}]"
    )


@pytest.mark.parametrize("foreign", [UNSIGNED, SEALED])
def test_foreign_thoughts_stay_behind(foreign: bytes) -> None:
    given = messages(OWN, foreign, TALK)
    assert has_foreign_thoughts(given)
    assert without_foreign_thoughts(given) == messages(OWN, TALK)


def test_own_thoughts_and_talk_about_signatures_are_no_reason_to_look() -> None:
    assert not has_foreign_thoughts(messages(OWN, TALK))


@pytest.mark.parametrize(
    "odd",
    [
        b"7",
        b'{"signature":""}',
        b'[{"content":[7,{"signature":""}]}]',
        b'[{"role":"user","content":[{"type":"tool_use","input":{"signature":""}}]}]',
    ],
)
def test_what_is_not_understood_stays(odd: bytes) -> None:
    assert without_foreign_thoughts(Raw(odd)) == Raw(odd)
