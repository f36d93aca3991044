"""What is counted of calls that look alike."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from hx_gateway.core.receipt import Ending, Receipt
from hx_gateway.usage.spread import Spread


class Series(NamedTuple):
    """What calls have in common that are counted together; the names are LiteLLM's labels."""

    status_code: str
    exception_class: str
    route: str
    requested_model: str
    model: str
    model_id: str
    api_provider: str
    hashed_api_key: str
    api_key_alias: str
    team: str
    user: str


_COMPLETE = Ending.COMPLETE
Signature = tuple[str | int | None, ...]


class Tally:
    """The sums over calls that look alike. Money in nano-dollars, durations in seconds."""

    __slots__ = (
        "cached", "calls", "first_token", "hits", "input", "kept", "misses", "nanos", "output",
        "overhead", "per_token", "reasoning", "straight", "total", "upstream",
    )  # fmt: skip

    def __init__(self) -> None:
        """Start at nothing."""
        self.calls = 0
        self.nanos = 0
        self.input = 0
        self.output = 0
        self.cached = 0
        self.reasoning = 0
        self.hits = 0  # answered from the answer cache
        self.misses = 0
        self.kept = 0  # tokens of hits
        self.straight = 0  # answered by the first deployment that was asked
        self.total = Spread()
        self.upstream = Spread()
        self.first_token = Spread()
        self.overhead = Spread()
        self.per_token = Spread()

    def add(self, receipts: Sequence[Receipt]) -> None:
        """Count calls; durations only of those that came to their proper end.

        One loop, since this is most of what a call costs here.
        """
        self.calls += len(receipts)
        nanos = input_ = output = cached = reasoning = 0
        total: list[float] = []
        upstream: list[float] = []
        overhead: list[float] = []
        for receipt in receipts:
            usage, asked = receipt.usage, receipt.upstream_seconds
            input_ += usage.input
            output += usage.output
            cached += usage.cached_read
            reasoning += usage.reasoning
            if receipt.cost:
                nanos += receipt.cost
            if receipt.cache_hit is not None:
                self._add_lookup(receipt)
            if receipt.ending is not _COMPLETE:
                continue
            seconds = receipt.seconds
            total.append(seconds)
            if asked is not None:
                upstream.append(asked)
                overhead.append(seconds - asked if seconds > asked else 0.0)
                if usage.output:
                    self.per_token.add(asked / usage.output)
            if receipt.parties.stream and receipt.first_byte_seconds is not None:
                self.first_token.add(receipt.first_byte_seconds)
        self.nanos += nanos
        self.input += input_
        self.output += output
        self.cached += cached
        self.reasoning += reasoning
        self.total.add_all(total)
        self.upstream.add_all(upstream)
        self.overhead.add_all(overhead)

    def _add_lookup(self, receipt: Receipt) -> None:
        if receipt.cache_hit:
            self.hits += 1
            self.kept += receipt.usage.total
        else:
            self.misses += 1


def signature(receipt: Receipt) -> Signature:
    """Give what decides on the series, as it is: making labels of it waits until they are read.

    A call that reached no deployment keeps no model name: the client made it up, perhaps. Not so
    one that was answered from the cache.
    """
    parties = receipt.parties
    return (
        receipt.status,
        receipt.error_code,
        parties.operation,
        parties.model if parties.deployment_id or receipt.cache_hit else None,
        parties.upstream_model,
        parties.deployment_id,
        parties.provider,
        parties.key_id,
        parties.alias,
        parties.team_id,
        parties.user_id,
    )


def series_of(found: Signature) -> Series:
    """Make labels of a signature."""
    return Series(*["" if value is None else str(value) for value in found])


def sums(
    tallies: Iterable[tuple[Series, Tally]],
    labels: tuple[str, ...],
    value: Callable[[Tally], float],
) -> dict[tuple[str, ...], float]:
    """Add a value up over all series that agree in `labels`."""
    where = [Series._fields.index(label) for label in labels]
    found: dict[tuple[str, ...], float] = {}
    for series, tally in tallies:
        key = tuple([series[i] for i in where])
        found[key] = found.get(key, 0) + value(tally)
    return found


def spreads(
    tallies: Iterable[tuple[Series, Tally]],
    labels: tuple[str, ...],
    value: Callable[[Tally], Spread],
) -> dict[tuple[str, ...], Spread]:
    """Merge a histogram over all series that agree in `labels`; empty ones are left out."""
    where = [Series._fields.index(label) for label in labels]
    found: dict[tuple[str, ...], Spread] = {}
    for series, tally in tallies:
        spread = value(tally)
        if spread.count:
            key = tuple([series[i] for i in where])
            found.setdefault(key, Spread()).merge(spread)
    return found
