"""What flies is sent as it would be the long way, whatever is in it; and what would be refused stays."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.deployments import route
from tests.support.pipelines import CALLER, Rig, chat_deployment
from tests.support.sender import ScriptedSender

from hx_gateway.adapter.request import Lanes
from hx_gateway.core.call import Operation
from hx_gateway.core.errors import GatewayError
from hx_gateway.core.fast import Waiter
from hx_gateway.core.http import Request
from hx_gateway.core.snapshot import ServerSettings
from hx_gateway.dialects.fields import check_messages
from hx_gateway.pipeline.controls import SPECIAL
from hx_gateway.pipeline.fast import LONGEST_NAME, MAX_BODY, FastChats, FastHead
from hx_gateway.web.endpoint import Visit
from hx_gateway.web.inference import Inference

UPSTREAM = chat_deployment("host", model="upstream")
LONG = "x" * LONGEST_NAME + "x"


class Line:
    """A line that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def line(self, *_: object) -> "Line":
        return self

    def send(self, body: bytes, _waiter: Waiter) -> Any:
        self.sent.append(body)
        return object()


class Count:
    n = 0


class Known(msgspec.Struct):
    principal: Any = CALLER
    holds: Any = lambda: True


class Door(msgspec.Struct):
    max_body: int = 10 * MAX_BODY
    recognise: Any = Known
    next_id: Any = str


class Ways:
    """The fast path and the long way to one deployment, for routes of two names."""

    def __init__(self) -> None:
        self.line = Line()
        self.rig = rig = Rig(ScriptedSender(), route("m", UPSTREAM), route(LONG, UPSTREAM))
        self._long = Inference(rig.pipeline, ServerSettings(), rig.clock)
        lines: Any = self.line
        chats = FastChats(
            table=rig.pipeline.table,
            planner=rig.pipeline.planner,
            health=rig.health,
            desk=rig.pipeline.desk,
            lines=lines,
            count=lambda _name, _status: Count(),
        )
        head = chats.make("chat", {}, Door())
        assert head is not None
        self.head: FastHead = head

    def fast(self, body: bytes) -> bytes | None:
        """What is sent at once; None: nothing is."""
        self.line.sent.clear()
        landing: Any = None
        flight = self.head.begin(body, landing)
        assert (flight is not None) == bool(self.line.sent)
        return self.line.sent[0] if self.line.sent else None

    def long(self, body: bytes) -> bytes | None:
        """What is sent the long way; None: it is refused, or needs more than being sent."""
        request = Request("POST", "/v1/chat/completions", "", {})
        request.body = body
        try:
            call = self._long.call(Visit("id", request), Operation.CHAT, "openai_chat")
            check_messages(call.fields)
        except GatewayError:
            return None
        if (
            call.stream
            or call.tags
            or call.wishes
            or call.contract
            or call.model not in {"m", LONG}
        ):
            return None
        return Lanes().prepare(call, UPSTREAM).request.body


WAYS = Ways()
_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
_NAMES = st.sampled_from(
    [*sorted(SPECIAL), "model", "messages", "stream", "metadata", "user", "stop", "n", "seed"]
) | st.text(max_size=4)
_ONE = {"model": st.just("m") | _VALUES, "messages": st.just([{"role": "user"}]) | _VALUES}
_BODIES = st.one_of(
    st.fixed_dictionaries({"model": st.just("m"), "messages": st.just([{}])}).flatmap(
        lambda plain: st.dictionaries(_NAMES, _VALUES, max_size=3).map(lambda more: plain | more)
    ),
    st.dictionaries(_NAMES, _VALUES, max_size=3).map(lambda more: {**more, "model": "m"}),
    st.fixed_dictionaries(_ONE, optional={"stream": _VALUES}),
)


@given(_BODIES, st.sampled_from(["compact", "indented", "ascii"]))
def test_what_flies_is_what_would_be_sent(fields: dict[str, Any], how: str) -> None:
    try:
        body = msgspec.json.encode(fields)
    except msgspec.ValidationError:
        return  # a whole number that is too long
    if how != "compact":
        body = msgspec.json.format(body, indent=2 if how == "indented" else 0)
    sent = WAYS.fast(body)
    assert sent in (None, WAYS.long(body))


@given(st.dictionaries(st.sampled_from(["user", "stop", "x"]), st.text() | st.booleans()))
def test_most_fly(more: dict[str, Any]) -> None:
    """The control of the one above."""
    for fields in (
        {"model": "m", "messages": [{}], **more},
        {**more, "messages": [1], "model": "m"},
    ):
        assert WAYS.fast(msgspec.json.encode(fields)) is not None


@given(st.binary(max_size=12), st.integers(0, 60))
def test_bytes_put_in_anywhere(some: bytes, at: int) -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"n":1}'
    body = body[:at] + some + body[at:]
    assert WAYS.fast(body) in (None, WAYS.long(body))


@pytest.mark.parametrize("stream", [0, 0.0, "", [], {}, 1, "x", True])
def test_what_is_no_no_does_not_fly(stream: object) -> None:
    body = msgspec.json.encode({"model": "m", "messages": [1], "stream": stream})
    assert WAYS.fast(body) is None


def test_what_is_kept_of_a_head_does_not_grow_with_what_is_sent() -> None:
    body = msgspec.json.encode({"model": LONG, "messages": [1]})
    assert WAYS.long(body) is not None
    assert WAYS.fast(body) is None


def test_a_breaker_that_is_open_lets_nothing_fly() -> None:
    body = msgspec.json.encode({"model": "m", "messages": [1]})
    ways = Ways()
    assert ways.fast(body) is not None
    ways.rig.health.of(UPSTREAM).open_until = 1.0
    assert ways.fast(body) is None
