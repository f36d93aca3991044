"""Requests that fly: who sees them off, and how they come back, by land or on foot."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.support.edge import PATIENCE_S, RawClient, Script, Serving, serving, until

from hx_gateway.core.fast import Landing
from hx_gateway.core.http import BodyRule, Request, Response
from hx_gateway.core.snapshot import ServerSettings
from hx_gateway.transport.server.flying import FlyingConnection

HEAD = b"POST /fly HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
LINES = b"content-type: text/plain\r\nx-flown: yes\r\n"


def post(body: bytes) -> bytes:
    return HEAD % len(body) + body


class Flown:
    """A flight that a test lands."""

    def __init__(self, body: bytes, landing: Landing) -> None:
        self.body = body
        self.landing = landing
        self.dropped = 0

    def drop(self) -> None:
        self.dropped += 1


class Airport(Script):
    """An application whose requests fly unless their body begins with `walk`."""

    def __init__(self) -> None:
        super().__init__()
        self.flights: list[Flown] = []
        self.max_bytes = 1 << 20
        self.waits: asyncio.Event | None = None
        self.handlers["fly"] = self.on_foot

    def check_head(self, head: Request) -> BodyRule | Response:
        head.memo.owner = self
        head.memo.fast = self
        return super().check_head(head)

    def begin(self, body: bytes, landing: Landing) -> Flown | None:
        if body.startswith(b"walk"):
            return None
        self.flights.append(Flown(body, landing))
        return self.flights[-1]

    async def on_foot(self, request: Request) -> Response:
        if self.waits is not None:
            await self.waits.wait()
        return Response(200, b"on foot: " + request.body)


@asynccontextmanager
async def airport(
    settings: ServerSettings | None = None,
) -> AsyncIterator[tuple[Airport, Serving, RawClient]]:
    """Serve, with a client whose head is known already."""
    script = Airport()
    async with serving(script, settings) as served:
        client = await served.connect()
        client.send(post(b"walk first"))
        assert (await client.answer()).body == b"on foot: walk first"
        yield script, served, client


async def flying(script: Airport, client: RawClient, body: bytes = b"abc") -> Flown:
    """Send a request off."""
    count = len(script.flights)
    client.send(post(body))
    await until(lambda: len(script.flights) > count)
    return script.flights[-1]


async def test_the_first_request_of_a_connection_walks_and_those_like_it_fly() -> None:
    async with airport() as (script, served, client):
        for number in range(3):
            flown = await flying(script, client, b"body %d" % number)
            assert flown.body == b"body %d" % number
            assert served.edge.live_requests == 1
            flown.landing.land(LINES, b"landed %d" % number)
            answer = await client.answer()
            assert (answer.status, answer.body) == (200, b"landed %d" % number)
            assert answer.headers["x-flown"] == "yes"
            assert answer.headers["x-frame-options"] == "DENY"
            assert "date" in answer.headers
            assert served.edge.live_requests == 0
        assert len(script.requests) == 1


async def test_what_is_not_one_whole_request_with_that_head_walks() -> None:
    async with airport() as (script, _, client):
        whole = post(b"x" * 10)
        pieces = [
            (whole[:30], whole[30:]),  # cut in the head
            (whole[:-4], whole[-4:]),  # cut in the body
            (post(b"walk"), b""),
            (post(b"").replace(b"/fly", b"/other"), b""),
            (whole.replace(b"Host: a", b"Host: b"), b""),
        ]
        for first, second in pieces:
            client.send(first)
            if second:
                await asyncio.sleep(0.05)  # else the two would come as one
                client.send(second)
            assert (await client.answer()).status == 200
        assert script.flights == []


async def test_a_request_behind_another_is_read_when_that_has_landed() -> None:
    async with airport() as (script, _, client):
        flown = await flying(script, client)
        client.send(post(b"walk behind") + post(b"walk last"))
        await asyncio.sleep(0.05)
        assert len(script.requests) == 1
        flown.landing.land(LINES, b"first")
        assert (await client.answer()).body == b"first"
        assert (await client.answer()).body == b"on foot: walk behind"
        assert (await client.answer()).body == b"on foot: walk last"


async def test_a_flight_may_go_on_on_foot_with_all_that_was_sent() -> None:
    async with airport() as (script, served, client):
        flown = await flying(script, client, b"parcel")
        flown.landing.carry_on()
        assert (await client.answer()).body == b"on foot: parcel"
        request = script.requests[-1]
        assert (request.path, request.headers[b"host"]) == ("/fly", b"a")
        assert request.flight is flown
        assert flown.dropped == 1  # by the edge, at the end: it does no harm to who took it over
        assert served.edge.live_requests == 0
        flown.landing.carry_on()  # too late: nothing happens
        assert len(script.requests) == 2
        (await flying(script, client)).landing.land(LINES, b"again")
        assert (await client.answer()).body == b"again"


async def test_a_client_that_leaves_ends_its_flight() -> None:
    async with airport() as (script, served, client):
        script.waits = asyncio.Event()
        flown = await flying(script, client)
        await client.close()
        await until(lambda: bool(script.cancelled))
        assert script.requests[-1].flight is flown
        assert flown.dropped == 1
        await until(lambda: served.edge.live_requests == 0)


async def test_a_drain_waits_for_flights() -> None:
    async with airport() as (script, served, client):
        flown = await flying(script, client)
        draining = asyncio.ensure_future(served.edge.drain(PATIENCE_S))
        await asyncio.sleep(0.1)
        assert not draining.done()
        flown.landing.land(LINES, b"in time")
        answer = await client.answer()
        assert (answer.body, answer.headers["connection"]) == (b"in time", "close")
        await draining


async def test_what_flies_at_the_end_of_a_drain_is_told() -> None:
    async with airport() as (script, served, client):
        script.waits = asyncio.Event()
        flown = await flying(script, client)
        await served.edge.drain(0.05)
        answer = await client.answer()
        assert answer.status == 503
        assert b"shutting_down" in answer.body
        assert flown.dropped == 1
        assert script.cancelled


async def test_another_application_sees_no_flights_of_the_one_before() -> None:
    async with airport() as (script, served, client):
        flown = await flying(script, client)
        after = Airport()
        served.edge.application = after
        flown.landing.carry_on()  # it belongs to the one that sent it off
        assert (await client.answer()).body == b"on foot: abc"
        assert len(script.requests) == 2
        client.send(post(b"walk"))
        assert (await client.answer()).status == 200
        assert len(after.requests) == 1
        (await flying(after, client)).landing.land(LINES, b"after")
        assert (await client.answer()).body == b"after"
        assert len(script.flights) == 1
        served.edge.application = script  # and back: what was found out for a head is found anew
        client.send(post(b"abc"))
        assert (await client.answer()).body == b"on foot: abc"
        assert len(after.flights) == 1


async def test_other_limits_are_read_anew() -> None:
    async with airport() as (script, served, client):
        served.edge.settings = ServerSettings(max_header_count=1)
        client.send(post(b"abc"))
        assert (await client.answer()).status == 431
        assert script.flights == []


async def test_a_client_that_takes_nothing_gets_no_further_request_read() -> None:
    async with airport() as (script, served, client):
        large = b"x" * (8 << 20)
        flown = await flying(script, client)
        client.send(post(b"walk behind"))
        await asyncio.sleep(0.05)
        flown.landing.land(LINES, large)
        await asyncio.sleep(0.1)
        assert len(script.requests) == 1  # it has not been taken yet
        assert served.edge.live_requests == 1
        assert (await client.answer()).body == large
        assert (await client.answer()).body == b"on foot: walk behind"


async def test_a_client_that_leaves_with_a_landed_answer_untaken_ends_it() -> None:
    async with airport() as (script, served, client):
        flown = await flying(script, client)
        flown.landing.land(LINES, b"x" * (8 << 20))
        await until(lambda: served.edge.live_requests == 1)
        await client.close()
        await until(lambda: served.edge.live_requests == 0)
        await until(lambda: served.edge.open_connections == 0)


async def test_answers_of_one_round_leave_together_and_before_what_comes_next() -> None:
    async with airport() as (script, served, client):
        outbox = served.edge._state.outbox
        flown = await flying(script, client)
        flown.landing.land(LINES, b"first")
        assert len(outbox.waiting) == 1
        connection = next(iter(served.edge._state.connections))
        assert isinstance(connection, FlyingConnection)
        connection.data_received(post(b"walk next"))  # in the very same round
        assert (await client.answer()).body == b"first"
        assert (await client.answer()).body == b"on foot: walk next"


@pytest.mark.parametrize("end", ["close_if_idle", "abort", "eof_received"])
async def test_what_has_landed_is_sent_before_the_connection_ends(end: str) -> None:
    async with airport() as (script, served, client):
        flown = await flying(script, client)
        connection = next(iter(served.edge._state.connections))
        flown.landing.land(LINES, b"landed")
        getattr(connection, end)()
        assert (await client.answer()).body == b"landed"
