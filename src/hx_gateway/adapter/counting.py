"""Ask an upstream to count a prompt's tokens, where its format can."""

from typing import Protocol, runtime_checkable

import msgspec

from hx_gateway.adapter.request import draft_of, way_out_of
from hx_gateway.core.call import Call
from hx_gateway.core.http import JSON_TYPE, HttpRequest
from hx_gateway.core.provider import WayOut
from hx_gateway.core.route import Deployment
from hx_gateway.core.wire import Fields, encode


@runtime_checkable
class Counts(Protocol):
    """A way out with a path that counts."""

    @property
    def count_path(self) -> str:
        """Its path below the base URL."""
        ...

    def counted(self, fields: Fields) -> Fields:
        """Give of a request's body what the path takes."""
        ...

    def read_count(self, body: bytes) -> int:
        """Read its answer; raises Garbled."""
        ...


class CountRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request for a count. `counts` and `out` are the same way out, as two ports see it."""

    request: HttpRequest
    counts: Counts
    out: WayOut


def prepare_count(call: Call, deployment: Deployment) -> CountRequest | None:
    """Make the request; None where the deployment's format cannot count."""
    counts = way_out_of(call, deployment)
    if not isinstance(counts, Counts):
        return None
    draft, out, _ = draft_of(call, deployment)
    request = HttpRequest(
        path=deployment.base_path + counts.count_path,
        headers=(
            JSON_TYPE,
            *deployment.provider.auth.headers(deployment.credential),
            *draft.headers,
            *deployment.headers,
        ),
        body=encode(counts.counted(draft.fields)),
    )
    return CountRequest(request=request, counts=counts, out=out)
