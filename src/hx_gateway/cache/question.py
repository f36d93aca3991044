"""A call, as the cache sees it."""

import msgspec

from hx_gateway.cache.key import Alike
from hx_gateway.core.call import Call


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for and kept.

    `name` is the hash of the call for this `tenant`; `alike` is there where others that are like it
    will do. `max_age_s`: the oldest answer that will do. An answer lives for `ttl_s`.
    """

    call: Call
    tenant: str
    name: str
    ttl_s: float
    reads: bool = True
    writes: bool = True
    max_age_s: float | None = None
    alike: Alike | None = None
