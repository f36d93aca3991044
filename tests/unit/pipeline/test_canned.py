"""Answers of the configuration."""

import pytest

from hx_gateway.core.call import Call, Operation
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.core.event import TextDelta, Used
from hx_gateway.pipeline.canned import canned_events


def call(operation: Operation) -> Call:
    return Call(id="1", operation=operation, dialect="openai_chat", model="m", fields={})


def test_the_text_is_what_the_configuration_says() -> None:
    events = canned_events(call(Operation.CHAT), "two words")
    assert [e.text for e in events if isinstance(e, TextDelta)] == ["two words"]
    assert [e.usage.output for e in events if isinstance(e, Used)] == [2]


def test_only_text_can_be_canned() -> None:
    with pytest.raises(InvalidRequest):
        canned_events(call(Operation.EMBED), "text")
