"""The first minute of a request: identity before path, scope before body, errors in one shape."""

from collections.abc import AsyncIterator, Mapping

import msgspec
import pytest
from tests.support.told import told

from hx_gateway.auth.identify import Pass
from hx_gateway.core import wire
from hx_gateway.core.errors import DependencyError, Unauthenticated
from hx_gateway.core.fast import Door, FastPath, Flight, Landing
from hx_gateway.core.http import BodyRule, Early, Request, Response
from hx_gateway.core.principal import Principal, Scope
from hx_gateway.core.snapshot import ServerSettings
from hx_gateway.web.application import WebApplication
from hx_gateway.web.endpoint import Endpoint, Visit
from hx_gateway.web.respond import json_response

USER = Principal(key_id="user", scopes=frozenset({Scope.INFERENCE}))


class Gate:
    """Lets `good` in at once, `slow` after asking, nobody else."""

    def known(self, headers: Mapping[bytes, bytes]) -> Principal | None:
        return USER if headers.get(b"authorization") == b"good" else None

    def pass_of(self, headers: Mapping[bytes, bytes]) -> Pass | None:
        principal = self.known(headers)
        return None if principal is None else Pass(principal, lambda: True)

    async def find(self, headers: Mapping[bytes, bytes]) -> Principal:
        match headers.get(b"authorization"):
            case b"slow":
                return USER
            case b"unsure":
                raise DependencyError("PostgreSQL")
        raise Unauthenticated("No API key was sent, or not a valid one.")


class Body(msgspec.Struct, forbid_unknown_fields=True):
    limit: int = 5


class Query(msgspec.Struct, forbid_unknown_fields=True):
    page: int = 1


async def show(visit: Visit) -> Response:
    return json_response(
        {"id": visit.id, "path": dict(visit.path), "body": visit.body, "q": visit.query}
    )


async def fail(visit: Visit) -> Response:
    raise RuntimeError("secret detail")


async def fail_late(visit: Visit) -> Response:
    """Fail when the edge has begun a stream."""
    early = Early([], b"", lambda error: f"data: {error}\n\n".encode())
    early.has_begun = visit.request.header(b"x-begun") is not None
    visit.request.early = early
    raise Unauthenticated("Too late.")


def endpoint(method: str, path: str, scope: Scope, **more: object) -> Endpoint:
    fields = {"handler": show, "name": path, "summary": "", "tag": "t", **more}
    return Endpoint(method=method, path=path, scope=scope, **fields)  # type: ignore[arg-type]


APP = WebApplication(
    [
        endpoint("GET", "/open", Scope.OPEN),
        endpoint("GET", "/any", Scope.ANY, query=Query),
        endpoint("POST", "/write", Scope.RAG_WRITE, body=Body),
        endpoint("POST", "/ask", Scope.INFERENCE, body=Body, max_body=100),
        endpoint("GET", "/fail", Scope.ANY, handler=fail),
        endpoint("GET", "/late", Scope.OPEN, handler=fail_late),
    ],
    Gate(),
    ServerSettings(cors_origins=("https://ours.test",)),
)


def request(
    method: str, path: str, query: str = "", *, body: bytes = b"", **headers: str
) -> Request:
    named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return Request(method, path, query, named, body=body)


async def answer(
    method: str, path: str, body: bytes = b"", query: str = "", **headers: str
) -> Response:
    return await APP.answer(request(method, path, query, body=body, **headers))


@pytest.mark.parametrize(
    ("method", "path", "key", "body", "status"),
    [
        ("GET", "/open", None, b"", 200),
        ("GET", "/any", None, b"", 401),
        ("GET", "/any", "wrong", b"", 401),
        ("GET", "/any", "good", b"", 200),
        ("GET", "/any", "slow", b"", 200),
        ("GET", "/any", "unsure", b"", 503),
        ("GET", "/nowhere", None, b"", 401),  # nobody learns which paths exist
        ("GET", "/nowhere", "good", b"", 404),
        ("DELETE", "/any", "good", b"", 405),
        ("POST", "/write", None, b"{", 401),  # identity before body
        ("POST", "/write", "good", b"{", 403),  # scope before body
        ("POST", "/ask", "good", b"{", 400),
        ("POST", "/ask", "good", b'{"limit":"x"}', 422),
        ("POST", "/ask", "good", b'{"limits":1}', 422),
        ("POST", "/ask", "good", b"{}", 200),
        ("GET", "/fail", "good", b"", 500),
    ],
)
async def test_who_may_do_what(
    method: str, path: str, key: str | None, body: bytes, status: int
) -> None:
    headers = {} if key is None else {"authorization": key}
    response = await answer(method, path, body, **headers)
    assert response.status == status
    assert told(response)[b"x-request-id"]
    if status >= 400:
        error = msgspec.json.decode(response.body)["error"]
        assert set(error) >= {"message", "type", "param", "code"}
        assert "secret detail" not in response.body.decode()


async def test_401_says_how_to_authenticate_and_405_what_is_allowed() -> None:
    refused = dict((await answer("GET", "/any")).headers)
    assert refused[b"www-authenticate"] == b"Bearer"
    wrong = dict((await answer("DELETE", "/any", authorization="good")).headers)
    assert wrong[b"allow"] == b"GET, HEAD"


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 200), ("page=2", 200), ("page=x", 422), ("other=1", 422), ("%ff=1", 400)],
)
async def test_a_query_is_checked(query: str, status: int) -> None:
    assert (await answer("GET", "/any", query=query, authorization="good")).status == status


async def test_a_harmless_request_id_is_kept_and_another_is_replaced() -> None:
    kept = await answer("GET", "/open", x_request_id="abc-1")
    assert told(kept)[b"x-request-id"] == b"abc-1"
    replaced = await answer("GET", "/open", x_request_id="a b\x01")
    assert told(replaced)[b"x-request-id"] != b"a b\x01"


async def test_request_ids_differ() -> None:
    ids = {told(await answer("GET", "/open"))[b"x-request-id"] for _ in range(100)}
    assert len(ids) == 100


@pytest.mark.parametrize(
    ("origin", "allowed"), [("https://ours.test", True), ("https://evil.test", False)]
)
async def test_preflight_needs_no_key_and_names_only_our_origins(
    origin: str, allowed: bool
) -> None:
    response = await answer(
        "OPTIONS", "/write", origin=origin, access_control_request_method="POST"
    )
    assert response.status == 204
    assert (b"access-control-allow-origin" in dict(response.headers)) is allowed
    plain = await answer("GET", "/open", origin=origin)
    assert (b"access-control-allow-origin" in dict(plain.headers)) is allowed


@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("POST", "/ask", 100),
        ("POST", "/write", 10 * 1024 * 1024),
        ("GET", "/open", 65536),
        ("PUT", "/x", 65536),
    ],
)
def test_the_body_limit_is_the_endpoints(method: str, path: str, limit: int) -> None:
    assert APP.check_head(request(method, path, authorization="good")) == BodyRule(max_bytes=limit)


class Coming:
    """A body on its way; tells how much of it was asked for."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            self.taken += 1
            yield piece

    async def aclose(self) -> None:
        pass


@pytest.mark.parametrize(
    ("path", "key", "status", "taken"),
    [
        ("/ask", "slow", 200, 2),
        ("/ask", "wrong", 401, 0),
        ("/ask", "unsure", 503, 0),
        ("/write", "slow", 403, 0),
    ],
)
async def test_a_body_stays_with_a_client_that_is_not_known_yet(
    path: str, key: str, status: int, taken: int
) -> None:
    """Symptom: anybody could have 10 MiB kept on each connection, and hold it for a minute."""
    asked = request("POST", path, authorization=key)
    rule = APP.check_head(asked)
    assert isinstance(rule, BodyRule)
    assert rule.streamed
    asked.stream = body = Coming(b'{"lim', b'it":7}')
    response = await APP.answer(asked)
    assert (response.status, body.taken) == (status, taken)
    if status == 200:
        assert wire.decode_any(response.body)["body"] == {"limit": 7}


async def test_who_was_let_in_need_not_wait_again() -> None:
    asked = request("POST", "/ask", authorization="slow")
    assert APP.check_head(asked) == BodyRule(max_bytes=100, streamed=True)
    asked.stream = Coming(b"{}")
    assert (await APP.answer(asked)).status == 200
    again = Request("POST", "/ask", "", asked.headers, memo=asked.memo)
    assert APP.check_head(again) == BodyRule(max_bytes=100)


async def test_a_held_body_has_its_limit_too() -> None:
    asked = request("POST", "/ask", authorization="slow")
    asked.stream = Coming(b'{"limit":' + b" " * 100 + b"7}")
    APP.check_head(asked)
    assert (await APP.answer(asked)).status == 413


async def test_a_failure_ends_a_stream_that_has_begun_with_its_last_words() -> None:
    response = await answer("GET", "/late", x_begun="1")
    assert response.status == 200
    assert response.chunks is not None
    assert [piece async for piece in response.chunks] == [b"data: Too late.\n\n"]
    refused = await answer("GET", "/late")
    assert refused.status == 401
    assert refused.chunks is None


class Fast:
    """Makes fast paths, and keeps for whom."""

    def __init__(self) -> None:
        self.doors: list[Door] = []

    def make(self, headers: Mapping[bytes, bytes], door: Door) -> FastPath | None:
        self.doors.append(door)
        return None if b"odd" in headers else self

    def begin(self, body: bytes, landing: Landing) -> Flight | None:
        raise AssertionError("nobody asks")


def with_fast_path() -> tuple[WebApplication, Fast]:
    fast = Fast()
    ask = endpoint("POST", "/ask", Scope.INFERENCE, max_body=100, fast=fast.make)
    return WebApplication([ask], Gate(), ServerSettings()), fast


def test_a_head_of_a_known_caller_has_a_fast_path() -> None:
    app, fast = with_fast_path()
    known = request("POST", "/ask", authorization="good")
    app.check_head(known)
    app.check_head(known)
    assert (known.memo.owner, known.memo.fast) == (app, fast)
    (door,) = fast.doors
    assert door.max_body == 100
    caller = door.recognise()
    assert caller is not None
    assert caller.principal is USER
    assert door.next_id() != door.next_id()


@pytest.mark.parametrize("key", ["slow", "bad", "unsure"])
def test_a_caller_who_is_not_known_has_none(key: str) -> None:
    app, fast = with_fast_path()
    unknown = request("POST", "/ask", authorization=key)
    app.check_head(unknown)
    assert unknown.memo.fast is None
    assert fast.doors == []
    odd = request("POST", "/ask", authorization="good", odd="1")
    app.check_head(odd)
    assert odd.memo.fast is None


def test_what_has_no_endpoint_has_none() -> None:
    app, _ = with_fast_path()
    nowhere = request("POST", "/nowhere", authorization="good")
    app.check_head(nowhere)
    assert (nowhere.memo.owner, nowhere.memo.fast) == (app, None)


class Sent:
    principal = USER
    dropped = 0


async def test_the_caller_of_what_was_sent_already_is_not_asked_for_again() -> None:
    app = WebApplication([endpoint("POST", "/ask", Scope.INFERENCE)], Gate(), ServerSettings())
    late = request("POST", "/ask", authorization="blocked since then")
    assert (await app.answer(late)).status == 401
    late.flight = Sent()
    assert (await app.answer(late)).status == 200
