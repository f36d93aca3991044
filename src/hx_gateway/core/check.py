"""One thing that must be true. Doctor, smoke, readiness and the UI all show the same checks."""

from collections.abc import Awaitable, Callable
from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """What a check found."""

    OK = "ok"
    WARN = "warn"  # works, but look at it
    FAIL = "fail"
    SKIP = "skip"  # not configured, so nothing to check


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one check. `detail` and `remedy` never hold a secret or an address.

    `blocks` is True when the gateway cannot do its work without it (readiness goes 503).
    """

    name: str
    verdict: Verdict
    detail: str = ""
    remedy: str = ""
    seconds: float = 0.0
    blocks: bool = False


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that must be true.

    `name` is stable (`database`, `redis`, `qdrant`, `models` ...). `rank` orders causes: when
    several fail, the lowest rank is the cause. `run` must end by itself within `deadline_s`.
    """

    name: str
    rank: int
    run: Callable[[], Awaitable[Finding]]
    deadline_s: float = 5.0
    needs: tuple[str, ...] = ()
