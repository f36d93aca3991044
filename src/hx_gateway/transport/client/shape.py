"""Which fields a head has of those that matter to whoever reads the bytes behind it."""

from functools import lru_cache

import msgspec


class Shape(msgspec.Struct, frozen=True):
    """The fields by the names as they were sent; None: there is no such field."""

    transfer: bytes | None = None
    coding: bytes | None = None
    has_length: bool = False


NO_SHAPE = Shape()


@lru_cache(maxsize=256)
def shape_of(names: tuple[bytes, ...]) -> Shape:
    """Find the shape of a head by the names in it: upstreams send the same ones every time."""
    known = {name.lower(): name for name in names}
    return Shape(
        transfer=known.get(b"transfer-encoding"),
        coding=known.get(b"content-encoding"),
        has_length=b"content-length" in known,
    )
