from prometheus_client import Metric

from hx_gateway.app.reference import endpoints_page, errors_page, exposed_name, metrics_page
from hx_gateway.core.errors import GatewayError
from hx_gateway.core.http import Response
from hx_gateway.core.principal import Scope
from hx_gateway.web.endpoint import Endpoint, Visit


def kinds(kind: type[GatewayError]) -> set[type[GatewayError]]:
    return {kind}.union(*map(kinds, kind.__subclasses__()))


def test_every_code_of_the_error_tree_has_a_row() -> None:
    text = errors_page()
    codes = {kind.code for kind in kinds(GatewayError) if kind.code}
    assert codes
    assert [code for code in codes if f"| `{code}` |" not in text] == []


def test_counters_are_named_as_the_text_format_writes_them() -> None:
    assert exposed_name(Metric("calls", "Calls.", "counter")) == "calls_total"
    assert exposed_name(Metric("calls", "Calls.", "gauge")) == "calls"
    assert "| `litellm_proxy_total_requests_metric_total` | counter |" in metrics_page()


async def answer(_visit: Visit) -> Response:
    return Response(200)


def test_a_route_is_listed_with_its_scope() -> None:
    one = Endpoint(
        method="GET",
        path="/v1/things",
        scope=Scope.ADMIN,
        handler=answer,
        name="things",
        summary="List | things.",
        tag="things",
    )
    assert "| `GET /v1/things` | `admin` | `things` | List \\| things. |" in endpoints_page([one])
