"""What is answered before the gateway is ready: alive at once, everything else "not yet"."""

from hx_gateway.core import wire
from hx_gateway.core.http import JSON_TYPE, BodyRule, Request, Response

_RULE = BodyRule(max_bytes=64 * 1024)
_ALIVE = {"/livez", "/health/liveliness", "/health/liveness"}


class BootApplication:
    """Answers `/livez` with 200 and all else with 503, `Retry-After` and the phase."""

    def __init__(self) -> None:
        """Begin with the first phase."""
        self.phase = "starting"

    def check_head(self, request: Request) -> BodyRule | Response:
        """Take small bodies; larger ones are answered before they arrive."""
        if request.path not in _ALIVE and (request.length or 0) > _RULE.max_bytes:
            return self._not_yet()
        return _RULE

    async def answer(self, request: Request) -> Response:
        """See `Application`."""
        if request.path in _ALIVE and request.method in {"GET", "HEAD"}:
            return Response(200, wire.encode({"alive": True, "phase": self.phase}), [JSON_TYPE])
        return self._not_yet()

    def _not_yet(self) -> Response:
        body = {
            "error": {
                "message": f"The gateway is starting ({self.phase}); try again shortly.",
                "type": "service_unavailable",
                "param": None,
                "code": "starting",
            },
            "phase": self.phase,
        }
        return Response(503, wire.encode(body), [JSON_TYPE, (b"retry-after", b"1")])
