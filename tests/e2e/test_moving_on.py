"""A call that waits where nothing comes is answered elsewhere, wherever that is configured.

Retries need not be allowed for that: the next `order` and fallbacks are no retries.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.fetch import Answer
from tests.support.served import Gateway, running, until
from tests.support.upstream import Mode, Upstream

LONG_S = 300.0  # of an attempt; nobody here waits for it
CROWD = 24


def entry(name: str, id_: str, base: str, **params: Any) -> dict[str, Any]:
    given = {"model": "openai/scripted", "api_base": base, "api_key": "sk-x", "timeout": LONG_S}
    info = {"id": id_}
    return {"model_name": name, "litellm_params": {**given, **params}, "model_info": info}


async def chat(gateway: Gateway, model: str = "m", **fields: Any) -> Answer:
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], **fields}
    return await gateway.ask("/v1/chat/completions", json=body, timeout_s=90.0)


def told(answer: Answer) -> tuple[int, str | None, str | None]:
    """What a client sees of the way of its call."""
    headers = answer.headers
    return answer.status, headers.get("x-litellm-model-id"), headers.get("x-hx-attempts")


@asynccontextmanager
async def served(
    folder: Path, count: int, models: Any, **router: Any
) -> AsyncIterator[tuple[Gateway, list[Upstream]]]:
    """A gateway and its upstreams; `models` makes the list of their addresses."""
    async with AsyncExitStack() as stack:
        upstreams = [await stack.enter_async_context(Upstream()) for _ in range(count)]
        config = {"model_list": models(*[each.base_url for each in upstreams])}
        config["router_settings"] = router
        yield await stack.enter_async_context(running(folder, config=config)), upstreams


@pytest.mark.parametrize("stream", [False, True])
async def test_the_next_order_answers_for_one_that_hangs(stream: bool, tmp_path: Path) -> None:
    """With `num_retries: 0` the call used to wait until its own deadline."""

    def models(a: str, b: str) -> list[Any]:
        return [entry("m", "first", a, order=1), entry("m", "second", b, order=2)]

    async with served(tmp_path, 2, models, num_retries=0) as (gateway, (one, _)):
        assert told(await chat(gateway, stream=stream)) == (200, "first", None)
        one.mode = Mode.HANG
        seen = told(await chat(gateway, stream=stream))
    assert seen == (200, "second", "upstream_stalled, answered")


async def test_a_fallback_answers_for_the_only_one_of_a_model(tmp_path: Path) -> None:
    """A model with one deployment was not watched, although there was somewhere else to go."""

    def models(a: str, b: str) -> list[Any]:
        return [entry("m", "only", a), entry("spare", "spare", b)]

    router = {"num_retries": 0, "fallbacks": [{"m": ["spare"]}]}
    async with served(tmp_path, 2, models, **router) as (gateway, (one, _)):
        assert told(await chat(gateway)) == (200, "only", None)
        one.mode = Mode.HANG
        seen = told(await chat(gateway))
    assert seen == (200, "spare", "upstream_stalled, answered")


async def test_a_crowd_that_waits_at_one_is_answered_by_the_others(tmp_path: Path) -> None:
    """All of them, though that is more than the others' usual share of second attempts."""

    def models(*bases: str) -> list[Any]:
        return [entry("m", name, base) for name, base in zip("abc", bases, strict=True)]

    async with served(tmp_path, 3, models) as (gateway, upstreams):
        await asyncio.gather(*[chat(gateway) for _ in range(9)])
        upstreams[0].mode = Mode.HANG
        asked = len(upstreams[0].asked)
        calls = [asyncio.ensure_future(chat(gateway)) for _ in range(CROWD)]
        await until(lambda: len(upstreams[0].asked) > asked + 2, 60.0, "some wait there")
        answers = await asyncio.gather(*calls)
        moved = [each for each in answers if each.headers.get("x-hx-attempts")]
    assert [each.status for each in answers] == [200] * CROWD
    assert len(moved) > 2
    assert {each.headers["x-litellm-model-id"] for each in answers} == {"b", "c"}


@pytest.mark.parametrize("further", ["order", "fallback", "chain"])
async def test_the_last_of_three_attempts_goes_where_nobody_has_failed(
    further: str, tmp_path: Path
) -> None:
    """Three that are down used to take all attempts, beside a healthy one of the next order."""

    def models(down: str, well: str) -> list[Any]:
        members = [entry("m", f"down-{n}", down, order=1) for n in range(4)]
        if further == "order":
            return [*members, entry("m", "well", well, order=2)]
        return [*members[: 4 if further == "fallback" else 1], entry("spare", "well", well)] + (
            [entry("middle", "down-m", down)] if further == "chain" else []
        )

    ways = {
        "order": [],
        "fallback": [{"m": ["spare"]}],
        "chain": [{"m": ["middle"]}, {"middle": ["spare"]}],
    }
    router = {"fallbacks": ways[further], "disable_cooldowns": True}
    async with served(tmp_path, 2, models, **router) as (gateway, (bad, _)):
        bad.mode = Mode.FAIL
        answer = await chat(gateway, num_retries=0) if further == "chain" else await chat(gateway)
        faults = "upstream_overloaded, upstream_overloaded, answered"
        assert told(answer) == (200, "well", faults)
        assert len(bad.asked) == 2


async def test_what_another_account_encrypted_is_answered_by_its_own(tmp_path: Path) -> None:
    """The one that refuses is not to blame: it goes on to be asked first."""

    def models(a: str, b: str) -> list[Any]:
        return [entry("m", "other", a, order=1), entry("m", "own", b, order=2)]

    async with served(tmp_path, 2, models) as (gateway, (other, own)):
        other.mode, other.status = Mode.FAIL, 400
        other.error = {
            "message": "The encrypted content could not be verified.",
            "type": "invalid_request_error",
            "param": None,
            "code": "invalid_encrypted_content",
        }
        seen = [told(await chat(gateway)) for _ in range(5)]
        assert seen == [(200, "own", "invalid_encrypted_content, answered")] * 5
        own.mode, own.status, own.error = other.mode, other.status, other.error
        refused = await chat(gateway)
        assert (refused.status, refused.json()["error"]["code"]) == (400, other.error["code"])
        assert "could not be verified" in refused.json()["error"]["message"]


@pytest.mark.slow
async def test_who_may_not_go_elsewhere_waits_at_the_one_that_hangs(tmp_path: Path) -> None:
    """The control: suspicion ends no call, and `disable_fallbacks` holds."""

    def models(a: str, b: str) -> list[Any]:
        return [entry("m", "first", a, order=1), entry("m", "second", b, order=2)]

    async with served(tmp_path, 2, models, num_retries=0) as (gateway, (one, two)):
        assert (await chat(gateway)).status == 200
        one.mode = Mode.HANG
        began = time.monotonic()
        answer = await chat(gateway, disable_fallbacks=True, timeout=6)
        assert time.monotonic() - began > 5.0
        assert (answer.status, answer.json()["error"]["code"]) == (504, "upstream_timeout")
        assert two.asked == []
