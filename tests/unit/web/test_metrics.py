"""`/metrics`: open or behind a key, as configured; dependencies as the checks find them."""

from prometheus_client.parser import text_string_to_metric_families
from tests.support.clock import FakeClock
from tests.support.keystore import KEY, SwitchedStore, record_of
from tests.support.receipts import receipt
from tests.support.web import Browser

from hx_gateway.core.check import Check, Finding, Verdict
from hx_gateway.core.snapshot import AuthSettings
from hx_gateway.manage.checks import Checkup
from hx_gateway.usage.metrics import Metrics
from hx_gateway.web import metrics


async def away() -> Finding:
    return Finding(name="redis", verdict=Verdict.FAIL)


async def absent() -> Finding:
    return Finding(name="qdrant", verdict=Verdict.SKIP)


def browser(settings: AuthSettings) -> Browser:
    checks = [Check(name="redis", rank=0, run=away), Check(name="qdrant", rank=1, run=absent)]
    counted = Metrics("0")
    counted.take(receipt())
    made = Browser(SwitchedStore(record_of()))
    return made.open(metrics.endpoints(counted, settings, Checkup(checks, FakeClock())))


async def test_it_is_prometheus_text_with_the_state_of_dependencies() -> None:
    answer = await browser(AuthSettings()).get("/metrics", key=None)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    text = answer.body.decode()
    assert list(text_string_to_metric_families(text))
    assert 'hx_dependency_up{dependency="redis"} 0.0' in text
    assert "qdrant" not in text


async def test_it_is_behind_a_key_when_configured() -> None:
    it = browser(AuthSettings(metrics_need_key=True))
    assert (await it.get("/metrics", key=None)).status == 401
    assert (await it.get("/metrics", key=KEY)).status == 200
