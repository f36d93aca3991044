"""What happens around requests that fly: clients that leave, keys, reloads, the end of the program.

Each story is told twice, on the fast path and beside it, and has to end the same way.
"""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from tests.support.bad_answers import complaint, http, whole
from tests.support.flights import (
    ASK,
    GOOD,
    Client,
    Scripted,
    WitnessedGateway,
    answer,
    calls_in,
    compare,
    entry,
    head_of,
    metrics,
    reset,
    see,
    witnessed,
)
from tests.support.raw_upstream import RawUpstream, raw_upstream
from tests.support.served import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

both = pytest.mark.parametrize("flies", [True, False], ids=["flying", "not flying"])
FAULT = answer(http(complaint("broken"), status="500 Fault"))


@pytest.fixture(scope="module")
def upstream() -> Scripted:
    return Scripted()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(upstream: Scripted) -> AsyncIterator[RawUpstream]:
    async with raw_upstream(upstream.script) as raw:
        yield raw


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    tmp_path_factory: pytest.TempPathFactory, server: RawUpstream
) -> AsyncIterator[WitnessedGateway]:
    folder = tmp_path_factory.mktemp("gw") / "s"
    async with witnessed(folder, config=config(server)) as served:
        yield served


def config(server: RawUpstream, **more: Any) -> dict[str, Any]:
    return {
        "model_list": [
            entry("m", server, "d1"),
            entry("n", server, "d2", model="openai/other"),
            entry("frail-1", server, "d3", num_retries=0),
            entry("frail-2", server, "d4", num_retries=0),
            entry("falls", server, "d5"),
            entry("catches", server, "d6", model="openai/net"),
        ],
        "router_settings": {
            "num_retries": 1,
            "retry_after": 0.05,
            "cooldown_time": 0.5,
            "fallbacks": [{"falls": ["catches"]}],
        },
        "hx": {"fleet": {"poll_s": 3600}},
        **more,
    }


def asking(model: str) -> bytes:
    return ASK.replace(b'"m"', b'"%b"' % model.encode(), 1)


async def warm(gateway: WitnessedGateway, **options: Any) -> Client:
    client = await Client.connect(gateway)
    assert (await client.ask(**options)).status == 200
    return client


@both
@pytest.mark.parametrize("how", ["end", "reset"])
async def test_a_client_that_leaves(
    gateway: WitnessedGateway, upstream: Scripted, flies: bool, how: str
) -> None:
    client = await warm(gateway, flies=flies)
    flown, lines = len(gateway.flights), gateway.logs().count('"ending":"abandoned"')
    await upstream.ask(client, upstream.hang, flies=flies)
    if how == "reset":
        sock = client.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.writer.transport.abort()
    else:
        client.close()
    async with asyncio.timeout(60.0):
        await upstream.left.wait()
    await until(
        lambda: gateway.logs().count('"ending":"abandoned"') == lines + 1, 30.0, "its receipt"
    )
    assert (await metrics(gateway))["litellm_in_flight_requests"] == 0
    assert gateway.flights[flown:] == (["flew", "carried"] if flies else [])
    line = msgspec.json.decode(
        next(x for x in reversed(gateway.logs().splitlines()) if '"ending":"abandoned"' in x)
    )
    assert (line["status"], line["model"], line["input_tokens"] > 0) == (499, "m", True)


@both
async def test_requests_behind_one_that_is_under_way(
    gateway: WitnessedGateway, upstream: Scripted, flies: bool
) -> None:
    client = await warm(gateway, flies=flies)
    flown = len(gateway.flights)
    await upstream.ask(client, upstream.wait, flies=flies)
    client.send(asking("n"), flies=flies)
    client.send(flies=flies)
    client.writer.write(head_of(len(ASK), flies=flies) + ASK[:10])
    upstream.go.set()
    for _ in range(3):
        assert (await client.hear()).body == whole()
    client.writer.write(ASK[10:])
    assert (await client.hear()).body == whole()
    assert [b'"other"' in each for each in upstream.requests[-4:]] == [False, True, False, False]
    assert gateway.flights[flown:][:2] == (["flew", "landed"] if flies else [])
    client.close()


@both
async def test_garbage_behind_one_that_is_under_way(
    gateway: WitnessedGateway, upstream: Scripted, flies: bool
) -> None:
    client = await warm(gateway, flies=flies)
    await upstream.ask(client, upstream.wait, flies=flies)
    client.writer.write(b"\0garbage\r\n\r\n")
    upstream.go.set()
    assert (await client.hear()).status == 200
    assert (await client.hear()).status == 400
    assert await client.reader.read() == b""
    client.close()


async def test_other_requests_in_between(gateway: WitnessedGateway, upstream: Scripted) -> None:
    client = await warm(gateway)
    for request in (b"GET /livez", b"GET /nothing", b"POST /v1/embeddings"):
        client.writer.write(request + b" HTTP/1.1\r\nHost: gateway\r\nContent-Length: 0\r\n\r\n")
        assert (await client.hear()).status in {200, 401}
        assert (await client.ask()).body == whole()
        assert (await client.ask()).body == whole()
        assert gateway.flights[-2:] == ["flew", "landed"]
    client.writer.write(b"HEAD /livez HTTP/1.1\r\nHost: gateway\r\n\r\n")
    assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    assert (await client.ask()).body == whole()
    client.close()


@both
async def test_a_client_that_reads_slowly_gets_all(
    gateway: WitnessedGateway, upstream: Scripted, flies: bool
) -> None:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", gateway.port))
    client = await Client.connect(gateway, sock=sock, limit=1024)
    large = whole(x="x" * 40_000)
    assert (await client.ask(flies=flies)).status == 200
    upstream.acts = [answer(http(large)) for _ in range(60)]
    for _ in range(60):
        client.send(flies=flies)
        await asyncio.sleep(0.003)
    async with asyncio.timeout(60.0):
        for _ in range(60):
            assert (await client.hear()).body == large
    assert (await client.ask(flies=flies)).body == whole()
    client.close()


async def test_a_retry_that_helps(gateway: WitnessedGateway, upstream: Scripted) -> None:
    for body, fault in ((ASK, FAULT), (asking("n"), reset)):  # each has its budget of retries
        seen = await compare(gateway, upstream, body, (fault, answer(GOOD)))
        assert seen.flown == ["flew", "carried"]
        assert b"x-litellm-attempted-retries: 1\r\n" in seen.heard.head
        assert len(seen.asked) == 2


async def test_a_fallback(gateway: WitnessedGateway, upstream: Scripted) -> None:
    refused = answer(http(complaint("no"), status="404 No"))
    seen = await compare(gateway, upstream, asking("falls"), (refused, answer(GOOD)))
    assert seen.heard.status == 200
    assert b'"net"' in seen.asked[-1]


async def test_the_breaker_opens_and_heals_alike(
    gateway: WitnessedGateway, upstream: Scripted
) -> None:
    stories = []
    for model, flies in (("frail-1", True), ("frail-2", False)):
        body = asking(model)
        client = await warm(gateway, flies=flies)
        statuses, asked = [], len(upstream.requests)
        for _ in range(8):
            upstream.acts = [FAULT] * 9
            statuses.append((await client.ask(body, flies=flies)).status)
        upstream.acts = []
        # How often it was asked depends on what time the breaker's rest leaves.
        stories.append((statuses, len(upstream.requests) - asked < 16))
        async with asyncio.timeout(60.0):
            while (await client.ask(body, flies=flies)).status != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        client.close()
    assert stories[0] == stories[1]
    assert (await see(gateway, upstream, asking("frail-1"))).flown == ["flew", "landed"]


async def made_key(gateway: WitnessedGateway, **fields: Any) -> str:
    key: str = (await gateway.ask("/key/generate", json=fields)).json()["key"]
    return key


CHANGES: dict[str, tuple[str, dict[str, Any], int]] = {
    "deleted": ("/key/delete", {"keys": ["KEY"]}, 401),
    "blocked": ("/key/block", {"key": "KEY"}, 401),
    "narrowed": ("/key/update", {"key": "KEY", "models": ["n"]}, 403),
    "expired": ("/key/update", {"key": "KEY", "duration": "1s"}, 401),
}


@both
@pytest.mark.parametrize("name", CHANGES)
async def test_a_key_that_may_no_more(
    gateway: WitnessedGateway, upstream: Scripted, name: str, flies: bool
) -> None:
    path, fields, status = CHANGES[name]
    key = await made_key(gateway, models=["m", "n"])
    client = await warm(gateway, flies=flies, key=key)
    flown = len(gateway.flights)
    assert (await client.ask(flies=flies, key=key)).status == 200
    assert (await client.ask(flies=flies, key=key)).status == 200
    assert gateway.flights[flown:][-2:] == (["flew", "landed"] if flies else [])
    change = msgspec.json.encode(fields).replace(b"KEY", key.encode())
    assert (await gateway.ask(path, body=change)).status == 200
    if name == "expired":
        assert (await client.ask(flies=flies, key=key)).status == 200
        await asyncio.sleep(1.1)
    asked = len(upstream.requests)
    refused = await client.ask(flies=flies, key=key)
    assert (refused.status, len(upstream.requests) - asked) == (status, 0)
    if name == "narrowed":
        assert (await client.ask(asking("n"), flies=flies, key=key)).status == 200
    client.close()


async def test_each_key_has_its_own_rights(gateway: WitnessedGateway) -> None:
    keys = [await made_key(gateway, models=[model], key_alias=model) for model in "mn"]
    clients = [await Client.connect(gateway) for _ in keys]
    ids: list[str] = []
    for _ in range(4):
        for client, key, body in zip(clients, keys, (ASK, asking("n")), strict=True):
            heard = await client.ask(body, key=key)
            assert heard.status == 200
            ids.append(heard.request_id)
        for client, key, body in zip(clients, keys, (asking("n"), ASK), strict=True):
            assert (await client.ask(body, key=key)).status == 403
    await until(lambda: ids[-1] in gateway.logs(), 30.0, "their lines in the log")
    lines = [line for line in calls_in(gateway) if line["request_id"] in ids]
    assert [line["key_alias"] == line["model"] for line in lines] == [True] * 8
    # Both keys on one connection, alternately.
    assert [(await clients[0].ask(key=key)).status for key in keys * 3] == [200, 403] * 3
    for client in clients:
        client.close()


@pytest.mark.parametrize("more", ["X-Api-Key: {}\r\n", "X-HX-Admin-Key: {}\r\n", "Api-Key: {}\r\n"])
async def test_another_header_with_a_key(
    gateway: WitnessedGateway, upstream: Scripted, more: str
) -> None:
    key = await made_key(gateway, models=["n"])
    for body in (ASK, asking("n")):
        for options in ({"key": key, "more": more.format("x")}, {"more": more.format(key)}):
            told = []
            for flies in (True, False):
                client = await Client.connect(gateway)
                heard = [await client.ask(body, flies=flies, **options) for _ in range(3)]
                told.append([each.status for each in heard])
                client.close()
            assert told[0] == told[1]
            assert len(set(told[0])) == 1


async def test_two_routes_on_one_connection(gateway: WitnessedGateway, upstream: Scripted) -> None:
    client = await warm(gateway)
    for model, name in [("m", b'"up"'), ("n", b'"other"')] * 3:
        heard = await client.ask(asking(model))
        assert name in upstream.requests[-1]
        assert b"x-litellm-model-group: %b\r\n" % model.encode() in heard.head
        assert gateway.flights[-2:] == ["flew", "landed"]
    client.close()


async def reload(gateway: WitnessedGateway, made: dict[str, Any]) -> None:
    known = gateway.logs().count("reloaded")
    gateway.configure(made)
    gateway.signal(signal.SIGHUP)
    await until(lambda: gateway.logs().count("reloaded") > known, 30.0, "the reload")


@both
async def test_a_reload(
    tmp_path_factory: pytest.TempPathFactory, server: RawUpstream, upstream: Scripted, flies: bool
) -> None:
    """The model is changed, is gone, and is back: each while a request is under way."""
    changed, gone = config(server), config(server)
    changed["model_list"][0] = entry("m", server, "d1", model="openai/new")
    del gone["model_list"][0]
    folder = tmp_path_factory.mktemp("gw") / "s"
    async with witnessed(folder, config=config(server)) as gateway:
        client = await warm(gateway, flies=flies)
        for made, status in ((changed, 200), (gone, 404), (config(server), 200)):
            model = "n" if made["model_list"][0]["model_name"] == "m" and status == 200 else "m"
            await upstream.ask(client, upstream.wait, body=asking(model), flies=flies)
            await reload(gateway, made)
            upstream.go.set()
            assert (await client.hear()).status == 200
            assert (await client.ask(flies=flies)).status == status
            assert (b'"new"' in upstream.requests[-1]) == (made is changed or made is gone)
            assert (await client.ask(flies=flies)).status == status
            assert (await metrics(gateway))["litellm_in_flight_requests"] == 0
        client.close()
        words = gateway.flights
        assert words.count("flew") == (words.count("landed") if flies else 0)
        assert (words.count("flew") > 3) is flies


async def listens(gateway: WitnessedGateway) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    except OSError:
        return False
    writer.close()
    return True


@both
@pytest.mark.parametrize("drain_s", [60.0, 0.0])
async def test_the_end_of_the_program(
    tmp_path_factory: pytest.TempPathFactory,
    server: RawUpstream,
    upstream: Scripted,
    flies: bool,
    drain_s: float,
) -> None:
    folder = tmp_path_factory.mktemp("gw") / "s"
    made = config(server, hx={"server": {"drain_timeout": drain_s}, "fleet": {"poll_s": 3600}})
    async with witnessed(folder, config=made) as gateway:
        client = await warm(gateway, flies=flies)
        await upstream.ask(client, upstream.wait if drain_s else upstream.hang, flies=flies)
        gateway.signal(signal.SIGTERM)
        if drain_s:
            async with asyncio.timeout(60.0):
                while await listens(gateway):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            upstream.go.set()
        heard = await client.hear()
        assert heard.status == (200 if drain_s else 503)
        assert b"connection: close\r\n" in heard.head
        assert await client.reader.read() == b""
        client.close()
        assert await gateway.stop() == 0
        if flies:
            assert gateway.flights[-2:] == ["flew", "landed" if drain_s else "carried"]
        line = gateway.logs().rsplit('"event":"call"', 1)[1]
        assert ('"ending":"complete"' if drain_s else '"ending":"abandoned"') in line
