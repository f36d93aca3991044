"""The fast path over a pipeline: what flies, what is sent, what comes back by hand."""

from collections.abc import Coroutine
from typing import Any

import msgspec
from tests.support.deployments import route
from tests.support.pipelines import CALLER, Rig, chat_deployment
from tests.support.sender import ScriptedSender

from hx_gateway.core import wire
from hx_gateway.core.call import Call, Operation
from hx_gateway.core.fast import Waiter
from hx_gateway.core.http import Deadlines, Exchange, HttpRequest, Origin
from hx_gateway.core.principal import Principal
from hx_gateway.core.route import Route
from hx_gateway.core.usage import Price
from hx_gateway.pipeline.fast import FastChats, FastHead, FlightOfChat

A = chat_deployment("a", price=Price(input=1_000_000, output=2_000_000))
CHAT: dict[str, object] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


CALL = Call(
    id="c",
    operation=Operation.CHAT,
    dialect="openai_chat",
    model="m",
    fields=wire.decode_fields(wire.encode(CHAT)),
)


def started(flight: FlightOfChat) -> Call:
    return msgspec.structs.replace(CALL, started_at=flight.started_at)


def body(**changes: object) -> bytes:
    return wire.encode(CHAT | changes)


class Count:
    def __init__(self) -> None:
        self.n = 0


class Pass(msgspec.Struct):
    principal: Principal
    valid: bool = True

    def holds(self) -> bool:
        return self.valid


class Sent:
    """A request that is out; the test says what came back."""

    def __init__(self, data: bytes, waiter: Waiter) -> None:
        self.data = data
        self.waiter = waiter
        self.answer: bytes | None = None
        self.released = self.aborted = 0

    def whole(self) -> bytes | None:
        return self.answer

    def release(self) -> None:
        self.released += 1

    def abort(self) -> None:
        self.aborted += 1

    def come(self, answer: bytes | None, fault: Exception | None = None) -> None:
        self.answer = answer
        self.waiter.wake(fault)


class Landing:
    def __init__(self) -> None:
        self.landed: list[tuple[bytes, bytes]] = []
        self.on_foot = 0

    def land(self, lines: bytes, body: bytes) -> None:
        self.landed.append((lines, body))

    def carry_on(self) -> None:
        self.on_foot += 1


class Airfield:
    """The fast path over a rig's pipeline, and lines that keep what is sent."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.is_free = True
        self.sent: list[Sent] = []
        self.opened: list[HttpRequest] = []
        self.count = Count()
        self.caller: Pass | None = Pass(CALLER)
        self.max_body = 1 << 20
        self.landing = Landing()
        self.exchanged: Exchange | Exception | None = None
        pipeline = rig.pipeline
        self.chats = FastChats(
            table=pipeline.table,
            planner=pipeline.planner,
            health=rig.health,
            desk=pipeline.desk,
            lines=self,
            count=lambda _name, _status: self.count,
        )

    # Lines, and the one line of it
    def line(self, origin: Origin, request: HttpRequest, deadlines: Deadlines) -> "Airfield":
        self.opened.append(request)
        return self

    def send(self, data: bytes, waiter: Waiter) -> Sent | None:
        if not self.is_free:
            return None
        self.sent.append(Sent(data, waiter))
        return self.sent[-1]

    def exchange(self, sent: object, deadlines: Deadlines) -> Coroutine[Any, Any, Exchange]:
        assert sent is self.sent[-1]

        async def give() -> Exchange:
            if isinstance(self.exchanged, Exception):
                raise self.exchanged
            assert self.exchanged is not None
            return self.exchanged

        return give()

    # The door
    def recognise(self) -> Pass | None:
        return self.caller

    def next_id(self) -> str:
        return "id-1"

    def head(self, **headers: bytes) -> FastHead | None:
        return self.chats.make(
            "chat", {name.replace("_", "-").encode(): v for name, v in headers.items()}, self
        )

    def begin(self, data: bytes, head: FastHead | None = None) -> FlightOfChat | None:
        head = head or self.head()
        assert head is not None
        return head.begin(data, self.landing)


def airfield(*routes: Route, **settings: Any) -> Airfield:
    sender = settings.pop("sender", None) or ScriptedSender()
    return Airfield(Rig(sender, *(routes or (route("m", A),)), **settings))
