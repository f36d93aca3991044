"""A call, as the cache sees it."""

import msgspec
from msgspec import Raw

from hx_gateway.cache.key import Alike
from hx_gateway.core.call import Call


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One of several inputs whose answers are kept each for itself, under its own name."""

    name: str
    input: Raw


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for and kept.

    `name` is the hash of the call for this `tenant`; `alike` is there where others that are like it
    will do. `max_age_s`: the oldest answer that will do. An answer lives for `ttl_s`. With `parts`
    the answer is not kept as a whole, but put together.
    """

    call: Call
    tenant: str
    name: str
    ttl_s: float
    reads: bool = True
    writes: bool = True
    max_age_s: float | None = None
    alike: Alike | None = None
    parts: tuple[Part, ...] = ()

    def of(self, part: Part) -> "Question":
        """Give the question that asks for a part alone."""
        return msgspec.structs.replace(self, name=part.name, parts=())
