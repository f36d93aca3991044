"""Every HTTP answer is counted, and every one that leaves no receipt gets a line in the log."""

from hx_gateway.core.clock import Clock
from hx_gateway.usage.log import AccessLog
from hx_gateway.usage.metrics import Metrics
from hx_gateway.web.endpoint import Visit

QUIET = frozenset({"livez", "readyz", "healthz", "healthz_deps", "metrics"})
EDGE = "edge"  # the endpoint of what got no further
LINES_A_SECOND = 20  # of refusals: whoever floods the port must not flood the log


class Observer:
    """Watches the answers of a web application, and the edge's own. Probes are not logged."""

    def __init__(self, metrics: Metrics, log: AccessLog | None, clock: Clock) -> None:
        """`log` None: the access log is switched off."""
        self._metrics = metrics
        self._log = log
        self._clock = clock
        self._second = 0
        self._lines = 0
        self._left_out = 0

    def answered(self, visit: Visit, endpoint: str, status: int) -> None:
        """Take note of one answer."""
        self._metrics.answered(endpoint, status)
        if visit.is_recorded or self._log is None or endpoint in QUIET:
            return
        principal = visit.principal
        seconds = self._clock.monotonic() - visit.request.received_at
        fields: dict[str, object] = {
            "request_id": visit.id,
            "endpoint": endpoint,
            "method": visit.request.method[:16],
            "status": status,
            "ms": int(seconds * 1e6) / 1000,
            "key": principal.key_id[:12] if principal else None,
            "key_alias": principal.alias if principal else None,
        }
        self._log.answered(fields, self._clock.now())

    def refused(self, status: int, code: str, id_: bytes) -> None:
        """Take note of a request that the edge refused; counted always, logged within bounds.

        `left_out` says how many were refused without a line since the last one.
        """
        self._metrics.answered(EDGE, status)
        if self._log is None:
            return
        if (second := int(self._clock.monotonic())) != self._second:
            self._second, self._lines = second, 0
        self._lines += 1
        if self._lines > LINES_A_SECOND:
            self._left_out += 1
            return
        fields: dict[str, object] = {
            "request_id": id_.decode(),
            "endpoint": EDGE,
            "status": status,
            "code": code,
        }
        if self._left_out:
            fields["left_out"], self._left_out = self._left_out, 0
        self._log.answered(fields, self._clock.now())
