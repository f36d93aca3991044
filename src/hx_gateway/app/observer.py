"""Every HTTP answer is counted, and every one that leaves no receipt gets a line in the log."""

from hx_gateway.core.clock import Clock
from hx_gateway.usage.log import AccessLog
from hx_gateway.usage.metrics import Metrics
from hx_gateway.web.endpoint import Visit

QUIET = frozenset({"livez", "readyz", "healthz", "healthz_deps", "metrics"})


class Observer:
    """Watches the answers of a web application. Probes are counted but not logged."""

    def __init__(self, metrics: Metrics, log: AccessLog | None, clock: Clock) -> None:
        """`log` None: the access log is switched off."""
        self._metrics = metrics
        self._log = log
        self._clock = clock

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
