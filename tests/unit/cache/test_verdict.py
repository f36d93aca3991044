import msgspec
import pytest

from hx_gateway.cache.verdict import is_worth_keeping
from hx_gateway.core.event import Event, Finish, Finished, RefusalDelta, TextDelta, ToolStarted
from hx_gateway.core.snapshot import CacheSettings

TEXT = TextDelta(text="a")
TOOL = ToolStarted(index=0, id="c", name="f")


def settings(*names: str) -> CacheSettings:
    return msgspec.structs.replace(CacheSettings(), **dict.fromkeys(names, True))


@pytest.mark.parametrize(
    ("events", "setting"),
    [
        ([TEXT, Finished(reason=Finish.LENGTH)], "truncated"),
        ([TEXT, Finished(reason=Finish.CONTENT_FILTER)], "filtered"),
        ([TEXT, Finished(reason=Finish.REFUSAL)], "filtered"),
        ([RefusalDelta(text="no"), Finished(reason=Finish.STOP)], "filtered"),
        ([TOOL, Finished(reason=Finish.TOOL_USE)], "tool_calls"),
        ([TOOL, Finished(reason=Finish.STOP)], "tool_calls"),
        (
            [TEXT, Finished(reason=Finish.STOP), Finished(reason=Finish.LENGTH, choice=1)],
            "truncated",
        ),
    ],
)
def test_some_answers_are_kept_only_when_asked_for(events: list[Event], setting: str) -> None:
    assert not is_worth_keeping(events, CacheSettings())
    assert is_worth_keeping(events, settings(setting))
    others = {"truncated", "filtered", "tool_calls"} - {setting}
    assert not is_worth_keeping(events, settings(*others))


@pytest.mark.parametrize("reason", [Finish.STOP, Finish.STOP_SEQUENCE])
def test_a_complete_answer_is_kept(reason: Finish) -> None:
    assert is_worth_keeping([TEXT, Finished(reason=reason)], CacheSettings())


@pytest.mark.parametrize("events", [[], [TEXT], [TEXT, Finished(reason=Finish.PAUSE)]])
def test_an_answer_that_did_not_end_is_never_kept(events: list[Event]) -> None:
    all_on = CacheSettings(truncated=True, filtered=True, tool_calls=True)
    assert not is_worth_keeping(events, all_on)
