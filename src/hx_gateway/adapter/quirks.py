"""Small pure changes to a request on its way out, each noted in the draft's `changed`."""

from collections.abc import Iterable

import msgspec
from msgspec import Raw

from hx_gateway.adapter.inner import without_inner
from hx_gateway.core.provider import Draft, Quirk
from hx_gateway.core.wire import Fields, raw

_NUMBER = msgspec.json.Decoder(float)


def rename(old: str, new: str) -> Quirk:
    """Send a field under the vendor's own name; the new name wins when both are there."""

    def apply(draft: Draft) -> Draft:
        if old not in draft.fields:
            return draft
        fields = {name: value for name, value in draft.fields.items() if name != old}
        fields.setdefault(new, draft.fields[old])
        return _changed(draft, fields, f"rename:{old}>{new}")

    return apply


def drop(*names: str) -> Quirk:
    """Leave out fields the vendor refuses."""

    def apply(draft: Draft) -> Draft:
        return without(draft, names)

    return apply


def clamp(name: str, *, least: float, most: float) -> Quirk:
    """Keep a number within what the vendor takes; what is no number is the vendor's to refuse."""

    def apply(draft: Draft) -> Draft:
        number = _number(draft.fields.get(name))
        if number is None or least <= number <= most:
            return draft
        fields = {**draft.fields, name: raw(least if number < least else most)}
        return _changed(draft, fields, f"clamp:{name}")

    return apply


def set_default(name: str, value: object) -> Quirk:
    """Send a field the vendor needs, unless it is already there."""
    encoded = raw(value)

    def apply(draft: Draft) -> Draft:
        if name in draft.fields:
            return draft
        return _changed(draft, {**draft.fields, name: encoded}, f"set:{name}")

    return apply


def without(draft: Draft, names: tuple[str, ...]) -> Draft:
    """Leave out some fields, noting those that were there."""
    gone = tuple(name for name in names if name in draft.fields)
    if not gone:
        return draft
    fields = {name: value for name, value in draft.fields.items() if name not in gone}
    return _changed(draft, fields, *(f"drop:{name}" for name in gone))


def without_paths(draft: Draft, paths: Iterable[str]) -> Draft:
    """Leave out what lies deeper (see `inner.py`), noting what was there."""
    fields, gone = without_inner(draft.fields, paths)
    return _changed(draft, dict(fields), *(f"drop:{path}" for path in gone)) if gone else draft


def _changed(draft: Draft, fields: Fields, *notes: str) -> Draft:
    return msgspec.structs.replace(draft, fields=fields, changed=(*draft.changed, *notes))


def _number(value: Raw | None) -> float | None:
    try:
        return None if value is None else _NUMBER.decode(value)
    except msgspec.ValidationError:
        return None
