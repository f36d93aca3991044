"""Asks the same thing twice, on the fast path and beside it, and takes down all that can be seen."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from tests.support import flight_witness
from tests.support.bad_answers import http, whole
from tests.support.raw_upstream import HEAD_END, Peer, RawUpstream
from tests.support.served import MASTER_KEY, Gateway

PATH = "/v1/chat/completions"
ASK = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
GOOD = http(whole())
_IDS = itertools.count(1)
_OWN = re.compile(rb"(?<=\r\n)(x-request-id|x-litellm-call-id|date): [^\r]*\r\n")
_TIMES = frozenset(("time", "request_id", "ms", "upstream_ms", "first_byte_ms"))
Act = Callable[[Peer], Awaitable[object]]


class WitnessedGateway(Gateway):
    """A real gateway whose fast path leaves words; see `flight_witness`."""

    def __init__(self, state: Path, **options: Any) -> None:
        self._file = state / "flights"
        env = {flight_witness.FILE: str(self._file), **options.pop("env", {})}
        super().__init__(state, env=env, **options)
        self.pairs: list[tuple[str, str]] = []  # ids of what was asked on both paths

    def command(self, verb: str, *arguments: str) -> list[str]:
        made = super().command(verb, *arguments)
        return [made[0], "-P", flight_witness.__file__, *made[3:]]

    @property
    def flights(self) -> list[str]:
        """What the fast path did, from the start on."""
        return self._file.read_text().split() if self._file.exists() else []


@asynccontextmanager
async def witnessed(state: Path, **options: Any) -> AsyncIterator[WitnessedGateway]:
    """Start one, wait until it is ready, stop it afterwards.

    Its log is looked at when it has ended: lines are some 0.1 s late, which is long for each pair.
    """
    gateway = WitnessedGateway(state, **options)
    gateway.start()
    try:
        await gateway.wait_ready()
        yield gateway
    finally:
        if gateway.alive:
            await gateway.stop()
    lines = {line["request_id"]: line for line in calls_in(gateway)}
    assert all(_timeless(lines[one]) == _timeless(lines[other]) for one, other in gateway.pairs)
    assert "Traceback" not in gateway.logs()


def entry(name: str, upstream: RawUpstream, id_: str = "", **params: Any) -> dict[str, Any]:
    """One item of the `model_list`, at an upstream that speaks OpenAI's format."""
    base = f"http://{upstream.origin.authority}/v1"
    given = {"model": "openai/up", "api_base": base, "api_key": "sk-up", **params}
    info = {"id": id_} if id_ else {}
    return {"model_name": name, "litellm_params": given, "model_info": info}


def head_of(
    size: int,
    *,
    flies: bool = True,
    key: str = MASTER_KEY,
    more: str = "",
    path: str = PATH,
) -> bytes:
    """Write a head; one that does not fly has an id of its own, which changes nothing else."""
    own = "" if flies else f"X-Request-Id: own-{next(_IDS)}\r\n"
    return (
        f"POST {path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\n{own}{more}Content-Length: {size}\r\n\r\n"
    ).encode()


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as it was on the wire; `head` without ids and date."""

    status: int
    head: bytes
    body: bytes
    request_id: str


class Client:
    """One connection to a gateway."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, gateway: Gateway, **options: Any) -> "Client":
        given = {"limit": 2**22, **options}
        if "sock" not in given:
            given |= {"host": "127.0.0.1", "port": gateway.port}
        return cls(*await asyncio.open_connection(**given))

    def send(self, body: bytes = ASK, **options: Any) -> None:
        self.writer.write(head_of(len(body), **options) + body)

    async def hear(self) -> Heard:
        head = await self.reader.readuntil(HEAD_END)
        found = re.search(rb"content-length: (\d+)", head)
        assert found is not None, head
        id_ = re.search(rb"x-request-id: ([^\r]*)", head)
        return Heard(
            status=int(head.split(b" ", 2)[1]),
            head=_OWN.sub(b"", head),
            body=await self.reader.readexactly(int(found[1])),
            request_id=id_[1].decode() if id_ else "",
        )

    async def ask(self, body: bytes = ASK, **options: Any) -> Heard:
        async with asyncio.timeout(60.0):
            self.send(body, **options)
            return await self.hear()

    def close(self) -> None:
        self.writer.close()


class Scripted:
    """An upstream that answers well, but for the requests that an act was laid ready for."""

    def __init__(self) -> None:
        self.acts: list[Act] = []
        self.requests: list[bytes] = []
        self.arrived = asyncio.Event()
        self.left = asyncio.Event()
        self.go = asyncio.Event()

    async def script(self, peer: Peer) -> None:
        while request := await peer.request():
            self.requests.append(request)
            act = self.acts.pop(0) if self.acts else None
            self.arrived.set()
            if act is None:
                await peer.send(GOOD)
            elif await act(peer) is not True:  # it says whether the connection stays
                return

    async def wait(self, peer: Peer) -> bool:
        """Answer well, when it is told to `go`."""
        await self.go.wait()
        await peer.send(GOOD)
        return True

    async def ask(self, client: Client, act: Act, **options: Any) -> None:
        """Send a request that this act answers, and wait until it is here."""
        self.go.clear()
        self.left.clear()
        self.arrived.clear()
        self.acts = [act]
        async with asyncio.timeout(60.0):
            client.send(**options)
            await self.arrived.wait()

    async def hang(self, peer: Peer) -> None:
        """Say nothing until the gateway leaves."""
        await peer.left()
        self.left.set()


def answer(*pieces: bytes, gap: float = 0.0, stays: bool = True) -> Act:
    """Answer these bytes, each piece by itself when there is a gap."""

    async def act(peer: Peer) -> bool:
        await peer.send(*pieces, gap=gap)
        return stays

    return act


async def reset(peer: Peer) -> None:
    """Drop the connection without a word."""
    peer.reset()


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a client and an upstream see of one request, and what the fast path did."""

    heard: Heard
    asked: list[bytes]
    flown: list[str]


async def metrics(gateway: Gateway) -> dict[str, float]:
    """Read the numbers that do not depend on time."""
    text = (await gateway.ask("/metrics")).text
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    timed = re.compile(
        r"_(bucket|sum|created)\b|^process_|^python_|^hx_dependency|endpoint=\"metrics\""
    )
    return {name: float(value) for name, value in lines if not timed.search(name)}


def calls_in(gateway: Gateway) -> list[dict[str, Any]]:
    """Read the lines of requests in the log."""
    lines = [line for line in gateway.logs().splitlines() if '"request_id":' in line]
    return [msgspec.json.decode(line) for line in lines]


def _timeless(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name not in _TIMES}


async def see(
    gateway: WitnessedGateway,
    upstream: Scripted,
    body: bytes = ASK,
    acts: tuple[Act, ...] = (),
    **options: Any,
) -> Seen:
    """Ask on a connection that was used before."""
    client = await Client.connect(gateway)
    try:
        assert (await client.ask(**options)).status == 200
        flown, asked = len(gateway.flights), len(upstream.requests)
        upstream.acts = list(acts)
        heard = await client.ask(body, **options)
        upstream.acts = []
    finally:
        client.close()
    return Seen(heard=heard, asked=upstream.requests[asked:], flown=gateway.flights[flown:])


async def compare(
    gateway: WitnessedGateway, upstream: Scripted, *args: Any, **options: Any
) -> Seen:
    """See a request on both paths, that nothing differs; gives what was seen when it could fly."""
    before = await metrics(gateway)
    there = await see(gateway, upstream, *args, **options)
    between = await metrics(gateway)
    here = await see(gateway, upstream, *args, flies=False, **options)
    after = await metrics(gateway)
    assert here.flown == []
    assert _without_id(there.heard) == _without_id(here.heard)
    assert there.asked == here.asked
    there_counted, here_counted = _counted(before, between), _counted(between, after)
    assert there_counted == here_counted, there_counted.items() ^ here_counted.items()
    gateway.pairs.append((there.heard.request_id, here.heard.request_id))
    return there


def _counted(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """What was added; of a state, what it is."""
    added = {
        name: value if "_state{" in name else round(value - before.get(name, 0), 12)
        for name, value in after.items()
    }
    return {name: value for name, value in added.items() if value}


def _without_id(heard: Heard) -> Heard:
    """Take the id out of an error's body, and its length out of that of the body."""
    body = heard.body.replace(heard.request_id.encode(), b"ID")
    length = b"content-length: %d\r\n"
    head = heard.head.replace(length % len(heard.body), length % len(body))
    return Heard(status=heard.status, head=head, body=body, request_id="")
