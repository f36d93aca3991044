"""The one record of a call: ledger, log, metrics and traces are all made from it."""

from enum import StrEnum

import msgspec

from hx_gateway.core.call import Operation
from hx_gateway.core.usage import Usage


class Ending(StrEnum):
    """How a call ended."""

    COMPLETE = "complete"
    REFUSED = "refused"  # before any upstream was asked
    FAILED = "failed"  # no upstream answered
    BROKEN = "broken"  # the upstream broke off a stream
    ABANDONED = "abandoned"  # the client left
    DRAINED = "drained"  # the gateway was stopped


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One upstream that was asked: `fault` is None for the one that answered."""

    deployment_id: str
    provider: str
    model: str
    started_at: float
    seconds: float
    fault: str | None = None


class Parties(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Who asked for what, and who was asked last: what most calls have in common with others.

    Receipts share it, so whoever keeps something by it finds that again by identity.
    """

    operation: Operation
    model: str
    key_id: str
    stream: bool = False
    alias: str | None = None
    user_id: str | None = None
    team_id: str | None = None
    deployment_id: str | None = None
    provider: str | None = None
    upstream_model: str | None = None


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What happened. Times in seconds, `started_at` wall time; `cost` in nano-dollars or None.

    `cache_hit` is None when the answer cache was not asked; `cache_key` names a kept answer.
    """

    call_id: str
    parties: Parties
    ending: Ending
    status: int
    started_at: float
    seconds: float
    upstream_seconds: float | None = None
    first_byte_seconds: float | None = None
    usage: Usage = Usage()
    usage_estimated: bool = False
    cost: int | None = None
    attempts: tuple[Attempt, ...] = ()
    error_type: str | None = None
    error_code: str | None = None
    tags: tuple[str, ...] = ()
    cache_hit: bool | None = None
    cache_key: str | None = None
