"""How much each deployment was used in the current minute: requests and tokens.

Counts only deployments that somebody wants counted. A shared count, where there is one, is told to
it (`saw`): this process then adds its own to what was last seen of all.
"""

from collections.abc import Iterable

from hx_gateway.core.errors import Exhausted
from hx_gateway.core.receipt import Receipt
from hx_gateway.core.route import Deployment

MINUTE_S = 60


class Use:
    """The use of one deployment in one minute."""

    __slots__ = ("minute", "requests", "tokens")

    def __init__(self) -> None:
        """Nothing was counted yet."""
        self.minute = -1
        self.requests = 0
        self.tokens = 0


class Meter:
    """The use of all counted deployments; a `ReceiptSink`.

    Times are monotonic, minutes are those of the wall clock, so that all processes mean the same.
    """

    def __init__(self, offset_s: float = 0.0) -> None:
        """Count nothing until `watch`; `offset_s` added to monotonic time is seconds since 1970."""
        self._offset_s = offset_s
        self._uses: dict[str, Use] = {}

    def watch(self, deployments: Iterable[Deployment]) -> None:
        """Count these from now on, and no others; what was counted stays."""
        self._uses = {each.id: self._uses.get(each.id) or Use() for each in deployments}

    def knows(self, deployment_id: str) -> bool:
        """Say whether a deployment is counted."""
        return deployment_id in self._uses

    def of(self, deployment: Deployment, now: float) -> Use:
        """Get the use in the minute of `now`."""
        return self._current(deployment.id, now) or Use()

    def begin(self, deployment: Deployment, now: float) -> None:
        """Count a request that is about to be sent."""
        use = self._current(deployment.id, now)
        if use is not None:
            use.requests += 1

    def take(self, receipt: Receipt) -> None:
        """Count the tokens of a settled call."""
        id_ = receipt.parties.deployment_id
        if id_ is not None and id_ in self._uses:
            ended_at = receipt.started_at + receipt.seconds - self._offset_s
            use = self._current(id_, ended_at)
            if use is not None:
                use.tokens += receipt.usage.total

    def saw(self, deployment_id: str, now: float, *, requests: int = 0, tokens: int = 0) -> None:
        """Take over what all processes together counted, if that is more."""
        use = self._current(deployment_id, now)
        if use is not None:
            use.requests = max(use.requests, requests)
            use.tokens = max(use.tokens, tokens)

    def obstacle(self, deployment: Deployment, now: float, tokens: int = 0) -> Exhausted | None:
        """Say why a call of about `tokens` would go beyond the deployment's rpm or tpm."""
        use = self.of(deployment, now)
        is_out_of_requests = deployment.rpm is not None and use.requests >= deployment.rpm
        is_out_of_tokens = deployment.tpm is not None and (
            use.tokens >= deployment.tpm or use.tokens + tokens > deployment.tpm
        )
        if is_out_of_requests or is_out_of_tokens:
            return self.exhausted(now)
        return None

    def exhausted(self, now: float) -> Exhausted:
        """Make the error of a used-up minute; it says when the next one begins."""
        return Exhausted(
            "The model's limit of requests or tokens a minute is reached.",
            retry_after_s=MINUTE_S - (now + self._offset_s) % MINUTE_S,
        )

    def minute(self, now: float) -> int:
        """Number the minute of `now` since 1970."""
        return int((now + self._offset_s) // MINUTE_S)

    def _current(self, deployment_id: str, now: float) -> Use | None:
        use = self._uses.get(deployment_id)
        minute = self.minute(now)
        if use is not None and use.minute != minute:
            use.minute, use.requests, use.tokens = minute, 0, 0
        return use
