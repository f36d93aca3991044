"""A pipeline over a scripted sender, and the receipts it leaves."""

from collections.abc import AsyncIterable
from pathlib import Path
from typing import Any

from tests.support.clock import FakeClock, seeded
from tests.support.deployments import NoCredential, deployment
from tests.support.sender import ScriptedSender

from hx_gateway.cache.answers import AnswerCache
from hx_gateway.cache.exact import ExactShelf
from hx_gateway.core import wire
from hx_gateway.core.answers import Answers
from hx_gateway.core.call import CacheWish, Call, Operation
from hx_gateway.core.facts import Catalogue
from hx_gateway.core.http import Origin, Response
from hx_gateway.core.principal import Principal, Scope
from hx_gateway.core.provider import Provider
from hx_gateway.core.receipt import Receipt
from hx_gateway.core.route import Deployment, Route
from hx_gateway.core.snapshot import CacheSettings, RoutingSettings, Snapshot
from hx_gateway.dialects import openai_chat
from hx_gateway.dialects.registry import WAYS_IN
from hx_gateway.pipeline.attempt import Attempter
from hx_gateway.pipeline.cached import CachedAnswers
from hx_gateway.pipeline.carry import Carrier, suits
from hx_gateway.pipeline.drain import Drainer
from hx_gateway.pipeline.handle import Pipeline
from hx_gateway.pipeline.planner import Planner, fit_rules, ground_of
from hx_gateway.pipeline.watchdog import Watchdog
from hx_gateway.routing.health import Health
from hx_gateway.routing.meter import Meter
from hx_gateway.routing.table import Table
from hx_gateway.store.answers_process import ProcessAnswers

CALLER = Principal(key_id="k" * 64, alias="tester", scopes=frozenset({Scope.INFERENCE}))
VENDOR = Provider(
    name="vendor",
    base_url="http://vendor.test/v1",
    auth=NoCredential(),
    speaks={Operation.CHAT: (openai_chat.WAY_OUT,)},
)


def chat_deployment(name: str, **fields: Any) -> Deployment:
    fields.setdefault("provider", VENDOR)
    return deployment(name, origin=Origin(host=name), **fields)


class Receipts:
    """A sink that keeps what it takes."""

    def __init__(self) -> None:
        self.all: list[Receipt] = []

    def take(self, receipt: Receipt) -> None:
        self.all.append(receipt)

    @property
    def only(self) -> Receipt:
        assert len(self.all) == 1, f"{len(self.all)} receipts"
        return self.all[0]


class Rig:
    """A pipeline with everything a test looks at."""

    def __init__(
        self,
        sender: ScriptedSender,
        *routes: Route,
        cache: CacheSettings | None = None,
        answers: Answers | None = None,
        carries: bool = False,
        catalogue: Catalogue | None = None,
        **settings: Any,
    ) -> None:
        self.sender = sender
        self.clock = FakeClock()
        self.health = Health()
        self.receipts = Receipts()
        self.drainer = Drainer()
        snapshot = Snapshot(
            state_dir=Path("unused"),
            routes={route.name: route for route in routes if "*" not in route.name},
            wildcards=tuple(route for route in routes if "*" in route.name),
            catalogue=catalogue,
        )
        routing, table = RoutingSettings(**settings), Table(snapshot)
        self.ground = ground_of(routing, self.health, seeded(), Meter())
        self.watchdog = Watchdog(self.health, self.clock)
        attempter = Attempter(
            sender=sender,
            health=self.health,
            clock=self.clock,
            ways_in=WAYS_IN,
            drainer=self.drainer,
            watchdog=self.watchdog,
        )
        self.pipeline = Pipeline(
            table=table,
            planner=Planner(
                table,
                self.ground,
                fit_rules(table.routes(), routing, self.ground, suits=suits if carries else None),
            ),
            health=self.health,
            attempter=self._carrier(attempter) if carries else attempter,
            settings=routing,
            clock=self.clock,
            sinks=(self.receipts,),
            cached=self._cached(cache, answers) if cache else None,
        )

    def _carrier(self, attempter: Attempter) -> Carrier:
        return Carrier(
            attempter=attempter,
            sender=self.sender,
            health=self.health,
            clock=self.clock,
            ways_in=WAYS_IN,
            drainer=self.drainer,
            watchdog=self.watchdog,
        )

    def _cached(self, settings: CacheSettings, answers: Answers | None) -> CachedAnswers:
        self.answers = answers or ProcessAnswers(self.clock, settings.max_bytes)
        cache = AnswerCache(settings, ExactShelf(self.answers), self.clock, seeded())
        return CachedAnswers(cache, self.clock, seeded())

    async def ask(
        self,
        model: str = "m",
        *,
        stream: bool = False,
        wants_usage: bool = False,
        caller: Principal = CALLER,
        text: str = "hi",
        cache: CacheWish | None = None,
        **more: Any,
    ) -> Response:
        fields = wire.decode_fields(
            wire.encode(
                {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream}
            )
        )
        call = Call(
            id="call-1",
            operation=Operation.CHAT,
            dialect="openai_chat",
            model=model,
            fields=fields,
            stream=stream,
            wants_usage=wants_usage,
            started_at=self.clock.monotonic(),
            cache=cache,
            **more,
        )
        return await self.pipeline.handle(call, caller)


async def collect(chunks: AsyncIterable[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def whole(text: str, *, prompt: int = 3, completion: int = 5) -> bytes:
    return wire.encode(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "upstream-model",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": completion,
                "total_tokens": prompt + completion,
            },
        }
    )


def delta(text: str | None = None, finish: str | None = None) -> bytes:
    content = {} if text is None else {"content": text}
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "upstream-model",
        "choices": [{"index": 0, "delta": content, "finish_reason": finish}],
    }
    return b"data: " + wire.encode(body) + b"\n\n"


USED = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"upstream-model",'
    b'"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}\n\n'
)
DONE = b"data: [DONE]\n\n"
