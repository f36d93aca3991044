import pytest
from tests.support.calls import plain

from hx_gateway.adapter import clamp, drop, rename, set_default
from hx_gateway.core.provider import Draft, Quirk
from hx_gateway.core.wire import raw


@pytest.mark.parametrize(
    ("quirk", "before", "after", "changed"),
    [
        (rename("a", "b"), {"a": 1, "c": 2}, {"c": 2, "b": 1}, ("rename:a>b",)),
        (rename("a", "b"), {"a": 1, "b": 2}, {"b": 2}, ("rename:a>b",)),
        (rename("a", "b"), {"c": 2}, {"c": 2}, ()),
        (drop("a", "b"), {"a": 1, "c": 2}, {"c": 2}, ("drop:a",)),
        (drop("a"), {"c": 2}, {"c": 2}, ()),
        (clamp("t", least=0, most=1), {"t": 2}, {"t": 1}, ("clamp:t",)),
        (clamp("t", least=0, most=1), {"t": -1}, {"t": 0}, ("clamp:t",)),
        (clamp("t", least=0, most=1), {"t": 1}, {"t": 1}, ()),
        (clamp("t", least=0, most=1), {"t": "hot"}, {"t": "hot"}, ()),
        (clamp("t", least=0, most=1), {}, {}, ()),
        (set_default("m", 9), {}, {"m": 9}, ("set:m",)),
        (set_default("m", 9), {"m": None}, {"m": None}, ()),
    ],
)
def test_quirks_change_what_they_say(
    quirk: Quirk, before: dict[str, object], after: dict[str, object], changed: tuple[str, ...]
) -> None:
    draft = Draft(path="/x", fields={name: raw(value) for name, value in before.items()})
    result = quirk(draft)
    assert plain(result.fields) == after
    assert result.changed == changed
    assert plain(draft.fields) == before
