"""Several processes with one store: one asks, the others wait."""

import asyncio

import msgspec
from tests.support.at_once import at_once
from tests.support.clock import seeded
from tests.support.deployments import route
from tests.support.pipelines import CALLER, chat_deployment

from hx_gateway.cache.answers import AnswerCache
from hx_gateway.cache.entry import Entry
from hx_gateway.cache.exact import ExactShelf
from hx_gateway.cache.lease import Lease
from hx_gateway.cache.question import Question
from hx_gateway.core import wire
from hx_gateway.core.call import CacheWish, Call, Operation
from hx_gateway.core.clock import SystemClock
from hx_gateway.core.errors import DependencyError
from hx_gateway.core.snapshot import CacheSettings
from hx_gateway.store.answers_process import ProcessAnswers

CLOCK = SystemClock()
ENTRY = Entry(tenant="default", dialect="openai_chat", body=b"{}", created_at=1.0)
CALL = Call(
    id="c",
    operation=Operation.CHAT,
    dialect="openai_chat",
    model="m",
    fields={"messages": wire.raw([])},
)


class Shared(ProcessAnswers):
    """A store that several processes see."""

    is_shared = True

    def __init__(self) -> None:
        super().__init__(CLOCK, 1 << 20)
        self.holders: dict[str, str] = {}

    async def lease(self, name: str, *, tenant: str, holder: str, ttl_s: float) -> bool:
        return self.holders.setdefault(name, holder) == holder

    async def release(self, name: str, *, tenant: str, holder: str) -> None:
        if self.holders.get(name) == holder:
            del self.holders[name]


class Process:
    """One of several gateways."""

    def __init__(self, store: Shared, wish: CacheWish | None = None, wait_s: float = 5) -> None:
        settings = CacheSettings(enabled=True, type="redis", wait_s=wait_s)
        self.cache = AnswerCache(settings, ExactShelf(store), CLOCK, seeded())
        call = msgspec.structs.replace(CALL, cache=wish)
        asked = route("m", chat_deployment("a"))
        found = at_once(self.cache.question(call, CALLER, asked, lambda _: None))
        assert found is not None
        self.question: Question = found
        self.lease = Lease(self.cache, found, CLOCK, seeded())


async def test_the_second_process_gets_what_the_first_has_made() -> None:
    store = Shared()
    one, two = Process(store), Process(store)
    assert await one.lease.find_or_take() is None
    assert one.lease.is_held
    waiting = asyncio.ensure_future(two.lease.find_or_take())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await one.cache.keep(one.question, ENTRY)
    await one.lease.end()
    found = await waiting
    assert found is not None
    assert found.entry == ENTRY
    assert not two.lease.is_held
    assert store.holders == {}


async def test_when_the_first_gives_up_the_second_takes_over() -> None:
    store = Shared()
    one, two = Process(store), Process(store)
    await one.lease.find_or_take()
    waiting = asyncio.ensure_future(two.lease.find_or_take())
    await asyncio.sleep(0.05)
    await one.lease.end()
    assert await waiting is None
    assert two.lease.is_held
    await two.lease.end()


async def test_who_waits_too_long_goes_on_without_it() -> None:
    store = Shared()
    one, two = Process(store), Process(store, wait_s=0.05)
    await one.lease.find_or_take()
    assert await two.lease.find_or_take() is None
    assert not two.lease.is_held
    await one.lease.end()


async def test_who_will_keep_nothing_makes_nobody_wait() -> None:
    store = Shared()
    one = Process(store, CacheWish(writes=False))
    assert await one.lease.find_or_take() is None
    assert store.holders == {}


async def test_an_answer_kept_in_between_is_found_after_the_claim() -> None:
    class Racing(Shared):
        async def lease(self, name: str, *, tenant: str, holder: str, ttl_s: float) -> bool:
            await maker.cache.keep(maker.question, ENTRY)
            return await super().lease(name, tenant=tenant, holder=holder, ttl_s=ttl_s)

    store = Racing()
    maker, two = Process(store), Process(store)
    assert await two.lease.find_or_take() is not None
    assert not two.lease.is_held


async def test_a_store_that_is_away_is_asked_once_and_makes_nobody_wait() -> None:
    class Away(Shared):
        asked = 0

        async def get(self, name: str, *, tenant: str) -> bytes | None:
            self.asked += 1
            raise DependencyError("Redis")

    store = Away()
    one = Process(store)
    assert await one.lease.find_or_take() is None
    assert not one.lease.is_held
    assert store.asked == 1
    assert store.holders == {}
