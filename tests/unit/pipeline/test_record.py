"""The notes on a call and its one receipt."""

import pytest
from tests.support.clock import FakeClock
from tests.support.deployments import deployment, route
from tests.support.pipelines import CALLER, Receipts

from hx_gateway.core.call import Call, Operation
from hx_gateway.core.receipt import Ending
from hx_gateway.core.usage import Price, Usage
from hx_gateway.pipeline.record import Desk, Record
from hx_gateway.routing.plan import Try


def begin(clock: FakeClock, receipts: Receipts) -> Record:
    call = Call(
        id="1",
        operation=Operation.CHAT,
        dialect="openai_chat",
        model="m",
        fields={},
        started_at=clock.monotonic(),
    )
    return Record(call, CALLER, Desk(clock, (receipts,)))


def test_a_call_is_settled_once_however_often_it_ends() -> None:
    clock, receipts = FakeClock(), Receipts()
    record = begin(clock, receipts)
    record.settle(Ending.COMPLETE, status=200)
    record.settle(Ending.ABANDONED, status=499)
    assert receipts.only.ending is Ending.COMPLETE


def test_times_and_attempts_are_noted() -> None:
    clock, receipts = FakeClock(), Receipts()
    a, b = deployment("a"), deployment("b", price=Price(input=1_000_000))
    record = begin(clock, receipts)
    clock.advance(0.5)
    record.trying(Try(deployment=a, route=route("m", a, b)))
    clock.advance(1.0)
    record.tried(clock.monotonic(), "upstream_timeout")
    record.trying(Try(deployment=b, route=route("m", a, b), retry=True))
    clock.advance(0.25)
    assert record.tried(clock.monotonic()) == pytest.approx(0.25)
    record.used(Usage(input=7))
    clock.advance(1.0)
    record.settle(Ending.COMPLETE, status=200)
    receipt = receipts.only
    assert [(each.deployment_id, each.fault) for each in receipt.attempts] == [
        ("a", "upstream_timeout"),
        ("b", None),
    ]
    assert receipt.seconds == pytest.approx(2.75)
    assert receipt.first_byte_seconds == pytest.approx(1.75)
    assert receipt.upstream_seconds == pytest.approx(1.25)
    assert receipt.cost == 7
    assert receipt.parties.deployment_id == "b"


def test_an_unknown_price_is_no_cost_rather_than_none_at_all() -> None:
    clock, receipts = FakeClock(), Receipts()
    record = begin(clock, receipts)
    record.trying(Try(deployment=deployment("a"), route=route("m")))
    record.tried(clock.monotonic())
    record.used(Usage(input=7))
    record.settle(Ending.COMPLETE, status=200)
    assert receipts.only.cost is None


def test_a_kept_answer_costs_nothing_and_names_itself() -> None:
    clock, receipts = FakeClock(), Receipts()
    record = begin(clock, receipts)
    record.served(Usage(input=7), "label", "vendor", "upstream-model")
    record.settle(Ending.COMPLETE, status=200)
    receipt = receipts.only
    assert (receipt.parties.provider, receipt.parties.upstream_model) == (
        "vendor",
        "upstream-model",
    )
    assert (
        receipt.parties.deployment_id is None
    )  # none was asked: nothing counts against its limits
    assert (receipt.cache_hit, receipt.cache_key, receipt.cost) == (True, "label", 0)
    assert receipt.usage == Usage(input=7)


def test_what_goes_on_without_its_client_is_carried() -> None:
    record = begin(FakeClock(), Receipts())
    assert not record.is_carried
    record.goes_on = True
    assert record.is_carried
