"""The fast path: which calls fly, what they send and leave, and how others take them over."""

import msgspec
import pytest
from tests.support.airfield import (
    CHAT,
    A,
    Pass,
    airfield,
    body,
    started,
)
from tests.support.deployments import route
from tests.support.pipelines import CALLER, Rig, chat_deployment, whole
from tests.support.sender import Answer, ScriptedExchange, ScriptedSender

from hx_gateway.core import wire
from hx_gateway.core.errors import Overloaded, Unreachable
from hx_gateway.core.principal import Principal, Scope
from hx_gateway.core.receipt import Ending, Receipt
from hx_gateway.core.route import OnDisconnect, Route
from hx_gateway.core.usage import Usage
from hx_gateway.pipeline.fast import MAX_BODY


def test_an_ordinary_call_is_sent_answered_and_settled() -> None:
    field = airfield()
    flight = field.begin(body(temperature=0.5))
    assert flight is not None
    assert field.rig.health.of(A).in_flight == 1
    field.rig.clock.advance(0.25)
    field.sent[0].come(whole("Hello"))
    assert field.sent[0].data == body(model="model-a", temperature=0.5)
    assert field.sent[0].released == 1
    ((lines, answer),) = field.landing.landed
    assert answer == whole("Hello")
    assert lines.split(b"\r\n")[:-1] == [
        b"x-litellm-model-group: m",
        b"x-litellm-attempted-retries: 0",
        b"x-litellm-attempted-fallbacks: 0",
        b"x-litellm-model-id: a",
        b"content-type: application/json",
        b"x-litellm-call-id: id-1",
        b"x-litellm-response-cost: 0.000000013",
        b"x-request-id: id-1",
    ]
    receipt = field.rig.receipts.only
    assert (receipt.ending, receipt.status, receipt.usage, receipt.cost) == (
        Ending.COMPLETE,
        200,
        Usage(input=3, output=5),
        13,
    )
    assert (receipt.seconds, receipt.upstream_seconds, receipt.first_byte_seconds) == (
        0.25,
        0.25,
        0.25,
    )
    assert [attempt.fault for attempt in receipt.attempts] == [None]
    assert receipt.parties.key_id == CALLER.key_id
    vitals = field.rig.health.of(A)
    assert (vitals.in_flight, vitals.successes) == (0, 1)
    assert field.count.n == 1


async def test_the_receipt_is_the_one_of_the_ordinary_way() -> None:
    field = airfield()
    assert field.begin(body()) is not None
    field.sent[0].come(whole("Hello"))
    flown = field.rig.receipts.only
    rig = Rig(ScriptedSender(a=[Answer(200, whole("Hello"))]), route("m", A))
    reply = await rig.ask()
    walked = rig.receipts.only
    changes = {"call_id": "", "started_at": 0.0, "parties": walked.parties}
    assert msgspec.structs.replace(flown, **changes) == msgspec.structs.replace(walked, **changes)
    assert msgspec.to_builtins(flown.parties) == msgspec.to_builtins(walked.parties)
    assert reply.body == field.landing.landed[0][1]


@pytest.mark.parametrize(
    "data",
    [
        body(stream=True),
        wire.encode({"stream": True} | CHAT),
        body(metadata={"tags": ["a"]}),
        body(num_retries=1),
        body(tags=["a"]),
        body(api_base="http://elsewhere"),
        body(extra_body={}),
        body(messages=[]),
        body(messages="Hi"),
        body(messages=None),
        body(model="unknown"),
        body(model=None),
        body(model=["m"]),
        body(model={}),
        body() + b" ",
        body().replace(b":", b": "),
        body()[:-1] + b',"model":"m"}',
        body().replace(b'"m"', b'"\\u006d"'),
        body(user="x")[:-1],
        b"[]",
        b"",
        b"null",
        body(seed=1).replace(b":1}", b":1.0e2}"),
        body(user="x" * MAX_BODY),
        body().replace(b"Hi", b"\xff\xfe"),
    ],
)
def test_whatever_else_is_left_alone(data: bytes) -> None:
    field = airfield()
    assert field.begin(data) is None
    assert field.sent == []
    assert field.rig.receipts.all == []
    assert field.rig.health.of(A).in_flight == 0


@pytest.mark.parametrize(
    "header",
    [
        "x-litellm-timeout",
        "x-litellm-num-retries",
        "x-litellm-tags",
        "origin",
        "x-request-id",
        "x-litellm-call-id",
    ],
)
def test_a_head_that_says_something_to_the_gateway_has_no_fast_path(header: str) -> None:
    field = airfield()
    assert field.head(**{header.replace("-", "_"): b"1"}) is None
    assert field.head(user_agent=b"x") is not None


def test_a_body_may_name_its_model_anywhere() -> None:
    field = airfield()
    for data, sent in (
        (b'{"messages":[1],"model":"m","n":1}', b'{"messages":[1],"model":"model-a","n":1}'),
        (b'{"messages":[1],"model":"m"}', b'{"messages":[1],"model":"model-a"}'),
        (
            b'{"x":{"model":"m"},"model":"m","messages":[{"model":"m"}]}',
            b'{"x":{"model":"m"},"model":"model-a","messages":[{"model":"m"}]}',
        ),
    ):
        assert field.begin(data) is not None
        assert field.sent[-1].data == sent


def test_the_limit_of_the_endpoint_holds() -> None:
    field = airfield()
    field.max_body = len(body()) - 1
    assert field.begin(body()) is None
    field.max_body += 1
    assert field.begin(body()) is not None


def _drained() -> Route:
    return route("m", chat_deployment("a", on_disconnect=OnDisconnect(5.0)))


@pytest.mark.parametrize(
    "bad",
    [
        route("m", A, chat_deployment("b")),
        route("m", chat_deployment("a", canned="Hello")),
        route("m", chat_deployment("a", max_parallel=1)),
        route("m", chat_deployment("a", defaults={"seed": msgspec.Raw(b"1")})),
        _drained(),
    ],
)
def test_a_route_where_more_has_to_be_decided_has_no_fast_path(bad: Route) -> None:
    field = airfield(bad)
    assert field.begin(body()) is None
    assert field.begin(body()) is None


@pytest.mark.parametrize(
    "caller",
    [
        Principal(key_id="k", scopes=frozenset({Scope.RAG_READ})),
        Principal(key_id="k", scopes=frozenset({Scope.INFERENCE}), models=("other",)),
    ],
)
def test_who_may_not_ask_gets_his_refusal_on_the_ordinary_way(caller: Principal) -> None:
    field = airfield()
    field.caller = Pass(caller)
    assert field.begin(body()) is None
    assert field.sent == []


def test_a_caller_is_asked_for_each_time() -> None:
    field = airfield()
    head = field.head()
    known = field.caller
    assert known is not None
    assert field.begin(body(), head) is not None
    known.valid = False
    field.caller = None
    assert field.begin(body(), head) is None  # blocked, expired, or nobody can say
    narrow = Principal(key_id="k", scopes=frozenset({Scope.INFERENCE}), models=("other",))
    field.caller = Pass(narrow)
    assert field.begin(body(), head) is None
    field.caller = Pass(CALLER)
    assert field.begin(body(), head) is None  # the one who was refused is known and still valid
    field.caller.valid = True
    assert len(field.sent) == 1


def test_an_open_breaker_and_a_busy_line_leave_the_call_alone() -> None:
    field = airfield()
    field.rig.health.of(A).open_until = 1e9
    assert field.begin(body()) is None
    field.rig.health.of(A).open_until = 0.0
    field.is_free = False
    assert field.begin(body()) is None
    assert field.rig.health.of(A).in_flight == 0
    field.is_free = True
    assert field.begin(body()) is not None


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"not json",
        b"{}",
        b'{"choices":[]}',
        b'{"error":{"message":"no"}}',
        whole("Hello").replace(b"Hello", b"\xff"),
        b"",
    ],
)
def test_an_answer_that_is_not_a_plain_one_is_left_to_others(answer: bytes | None) -> None:
    field = airfield()
    assert field.begin(body()) is not None
    field.sent[0].come(answer)
    assert (field.landing.on_foot, field.landing.landed) == (1, [])
    assert field.sent[0].released == 0
    assert field.rig.receipts.all == []
    assert field.rig.health.of(A).in_flight == 1  # who takes it over gives the place back


def test_a_fault_is_left_to_others() -> None:
    field = airfield()
    assert field.begin(body()) is not None
    field.sent[0].come(whole("Hello"), Unreachable("gone"))
    assert (field.landing.on_foot, field.landing.landed) == (1, [])


def test_a_fault_of_our_own_is_left_to_those_who_answer_it() -> None:
    field = airfield()

    def breaks(receipt: Receipt) -> None:
        raise RuntimeError(f"a bug in {receipt.call_id}")

    field.rig.receipts.take = breaks  # type: ignore[method-assign]
    assert field.begin(body()) is not None
    field.sent[0].come(whole("Hello"))
    assert (field.landing.on_foot, field.landing.landed) == (1, [])
    assert field.sent[0].released == 0


def test_a_dropped_flight_gives_its_place_back_once() -> None:
    field = airfield()
    flight = field.begin(body())
    assert flight is not None
    flight.drop()
    flight.drop()
    assert field.sent[0].aborted == 1
    assert field.rig.health.of(A).in_flight == 0
    field.sent[0].come(whole("Hello"))
    assert (field.landing.on_foot, field.landing.landed) == (0, [])


async def test_the_pipeline_takes_over_what_was_sent() -> None:
    field = airfield()
    flight = field.begin(body())
    assert flight is not None
    field.rig.clock.advance(0.5)
    field.sent[0].come(None)
    field.exchanged = ScriptedExchange(200, [whole("Hello")], {})
    reply = await field.rig.pipeline.handle(started(flight), CALLER, flight)
    assert reply.body == whole("Hello")
    assert field.rig.sender.sent == []  # nothing was sent again
    receipt = field.rig.receipts.only
    assert (receipt.ending, receipt.upstream_seconds) == (Ending.COMPLETE, 0.5)
    assert field.rig.health.of(A).in_flight == 0
    flight.drop()  # as the edge does in the end
    assert field.sent[0].aborted == 0
    assert field.rig.health.of(A).in_flight == 0


async def test_a_fault_of_what_was_sent_is_one_attempt_of_the_call() -> None:
    sender = ScriptedSender(a=[Answer(200, whole("Hello"))])
    field = airfield(sender=sender)
    flight = field.begin(body())
    assert flight is not None
    field.sent[0].come(None)
    field.exchanged = Overloaded("busy", upstream_status=503)
    reply = await field.rig.pipeline.handle(started(flight), CALLER, flight)
    assert reply.body == whole("Hello")
    assert b"x-litellm-attempted-retries: 1\r\n" in reply.lines
    receipt = field.rig.receipts.only
    assert [bool(attempt.fault) for attempt in receipt.attempts] == [True, False]
    assert field.rig.health.of(A).in_flight == 0
