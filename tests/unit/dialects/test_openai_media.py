"""The table of operations beside text is whole."""

from hx_gateway.core.call import Operation
from hx_gateway.dialects.openai_media import ALL, WAYS_IN, some
from hx_gateway.dialects.registry import WAYS_IN as KNOWN


def test_each_operation_has_one_format_in_both_directions() -> None:
    names = [out.name for (out,) in ALL.values()]
    assert [way.name for way in WAYS_IN] == names
    assert set(names) <= set(KNOWN)


def test_some_gives_those_that_are_asked_for() -> None:
    assert list(some(Operation.SPEECH)) == [Operation.SPEECH]
