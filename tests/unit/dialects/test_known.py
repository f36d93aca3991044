"""The lists of known fields hold at least what the shared calls send."""

import pytest
from tests.support.golden import KINDS, ROOT, load_call

from hx_gateway.dialects.known import FIELDS

CALLS = [
    (path.parent.name, path.stem)
    for path in sorted(ROOT.glob("calls/*/*.json"))
    if path.stem != "unknown" and KINDS[path.parent.name][1] in FIELDS
]


@pytest.mark.parametrize(("kind", "name"), CALLS)
def test_ordinary_calls_hold_known_fields_only(kind: str, name: str) -> None:
    assert set(load_call(kind, name).fields) <= FIELDS[KINDS[kind][1]]


def test_a_field_of_nobody_is_known_to_nobody() -> None:
    assert not any("vendor_thing" in fields for fields in FIELDS.values())
