"""The front of a child: its routes, and what it says before and after loading."""

import asyncio
import threading

import msgspec
import pytest

from hx_gateway.core.errors import RateLimited, Unprocessable
from hx_gateway.core.http import BodyRule, Request, Response
from hx_gateway.local.child import Front


class EchoService:
    """Answers with what it got; loads when told to."""

    model = "echo"
    path = "/v1/echo"

    def __init__(self) -> None:
        self.may_load = threading.Event()
        self.load_error: Exception | None = None
        self.error: Exception | None = None

    def load(self) -> None:
        self.may_load.wait(5)
        if self.load_error is not None:
            raise self.load_error

    async def answer(self, body: bytes) -> Response:
        if self.error is not None:
            raise self.error
        return Response(200, body)


def request(method: str, path: str, body: bytes = b"") -> Request:
    return Request(method, path, "", {}, body=body)


async def loaded(service: EchoService) -> Front:
    front = Front(service)
    service.may_load.set()
    await front.load()
    return front


async def test_calls_that_come_early_wait_for_the_model() -> None:
    service = EchoService()
    front = Front(service)
    loading = asyncio.ensure_future(front.load())
    call = asyncio.ensure_future(front.answer(request("POST", "/v1/echo", b"hi")))
    await asyncio.sleep(0.01)
    assert not call.done()
    assert (await front.answer(request("GET", "/healthz"))).status == 503
    service.may_load.set()
    await loading
    assert (await call).body == b"hi"
    assert (await front.answer(request("GET", "/healthz"))).status == 200


async def test_a_model_that_does_not_load_is_unavailable() -> None:
    service = EchoService()
    service.load_error = OSError("no such file /secret/path")
    front = Front(service)
    service.may_load.set()
    with pytest.raises(OSError, match="no such file"):
        await front.load()
    answer = await front.answer(request("POST", "/v1/echo"))
    assert answer.status == 503
    assert b"secret" not in answer.body
    assert (await front.answer(request("GET", "/healthz"))).status == 503


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (Unprocessable("bad", param="input"), 400, "invalid_request_error"),
        (RateLimited("busy", retry_after_s=1.0), 429, "rate_limit_error"),
        (RuntimeError("Already borrowed"), 500, "internal_error"),
    ],
)
async def test_an_error_is_written_as_openai_does(error: Exception, status: int, kind: str) -> None:
    service = EchoService()
    front = await loaded(service)
    service.error = error
    answer = await front.answer(request("POST", "/v1/echo"))
    assert answer.status == status
    assert msgspec.json.decode(answer.body)["error"]["type"] == kind
    assert b"borrowed" not in answer.body
    assert (b"retry-after" in dict(answer.headers)) == (status == 429)


async def test_it_lists_its_one_model() -> None:
    front = await loaded(EchoService())
    answer = await front.answer(request("GET", "/v1/models"))
    assert [each["id"] for each in msgspec.json.decode(answer.body)["data"]] == ["echo"]


async def test_other_paths_are_not_found() -> None:
    front = await loaded(EchoService())
    assert (await front.answer(request("POST", "/v1/other"))).status == 404
    assert isinstance(front.check_head(request("POST", "/v1/other")), BodyRule)
