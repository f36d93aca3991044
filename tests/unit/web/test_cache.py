"""The cache routes in LiteLLM's shapes, for operators only."""

from pathlib import Path

import pytest
from tests.support.clock import FakeClock
from tests.support.keystore import KEY, SwitchedStore, record_of
from tests.support.web import Browser

from hx_gateway.core.answers import ServerInfo, answer_label
from hx_gateway.core.snapshot import CacheSettings
from hx_gateway.manage.answers import AnswerKeeper
from hx_gateway.store.answers_process import ProcessAnswers
from hx_gateway.web import cache

ON = CacheSettings(enabled=True, type="local")


def browser(answers: ProcessAnswers | None, settings: CacheSettings = ON) -> Browser:
    made = Browser(SwitchedStore(record_of(KEY)))
    return made.open(cache.endpoints(AnswerKeeper(settings, answers)))


async def test_a_ping_tells_the_type_and_the_settings() -> None:
    answer = await browser(ProcessAnswers(FakeClock(), 1 << 20)).get("/cache/ping")
    assert answer.status == 200
    told = answer.json
    assert (told["status"], told["cache_type"], told["ping_response"]) == ("healthy", "local", True)
    assert told["set_cache_response"] == "success"
    assert told["litellm_cache_params"]["mode"] == "default_on"


async def test_answers_are_removed_by_key_and_all_at_once() -> None:
    answers = ProcessAnswers(FakeClock(), 1 << 20)
    it = browser(answers)
    await answers.put("a", b"x", tenant="t", ttl_s=60)
    await answers.put("b", b"x", tenant="t", ttl_s=60)
    gone = await it.post("/cache/delete", {"keys": [answer_label("t", "a")]})
    assert gone.json == {"status": "success"}
    assert await answers.get("a", tenant="t") is None
    assert await answers.get("b", tenant="t") is not None
    assert (await it.post("/cache/flushall", None)).json == {"status": "success"}
    assert await answers.get("b", tenant="t") is None


async def test_without_a_cache_a_ping_is_503_with_litellms_type() -> None:
    answer = await browser(None, CacheSettings()).get("/cache/ping")
    assert answer.status == 503
    assert answer.error["type"] == "cache_ping_error"


class InRedis(ProcessAnswers):
    """Answers in a server that tells of itself."""

    async def describe(self) -> ServerInfo:
        return ServerInfo(clients=({"id": "4"}, {"id": "5"}), facts={"used_memory": 7})


async def test_a_redis_tells_of_itself() -> None:
    told = (await browser(InRedis(FakeClock(), 1 << 20)).get("/cache/redis/info")).json
    assert told == {
        "num_clients": 2,
        "clients": [{"id": "4"}, {"id": "5"}],
        "info": {"used_memory": 7},
    }


@pytest.mark.parametrize(
    ("answers", "code"),
    [(None, "cache_off"), (ProcessAnswers(FakeClock(), 1 << 20), "cache_not_in_redis")],
)
async def test_without_a_redis_there_is_nothing_to_tell(
    answers: ProcessAnswers | None, code: str
) -> None:
    answer = await browser(answers).get("/cache/redis/info")
    assert (answer.status, answer.error["code"]) == (503, code)


async def test_the_settings_are_shown_with_what_they_are_by_default() -> None:
    settings = CacheSettings(enabled=True, type="disk", ttl=60.0, folder=Path("/var/answers"))
    told = (await browser(None, settings).get("/cache/settings")).json
    now = told["current_values"]
    assert (now["type"], now["ttl"], now["folder"]) == ("disk", 60.0, "/var/answers")
    assert "completion" in now["supported_call_types"]
    (ttl,) = (field for field in told["fields"] if field["field_name"] == "ttl")
    assert (ttl["field_value"], ttl["field_default"]) == (60.0, 3600.0)
    assert {field["field_name"] for field in told["fields"]} == set(now)


HELD = CacheSettings(enabled=True, type="local", ttl=600.0, operations=("completion",))


@pytest.mark.parametrize(
    ("wanted", "others"),
    [
        ({}, []),
        ({"type": "local", "ttl": "600", "host": None, "redis_type": "node"}, []),
        ({"ttl": 600, "supported_call_types": ["completion"], "mode": "default_on"}, []),
        ({"ttl": 60, "type": "local"}, ["ttl"]),
        ({"supported_call_types": []}, ["supported_call_types"]),
        ({"host": "elsewhere.test", "password": "canary"}, ["host", "password"]),
    ],
)
async def test_settings_are_agreed_to_or_refused_but_not_changed(
    wanted: dict[str, object], others: list[str]
) -> None:
    it = browser(ProcessAnswers(FakeClock(), 1 << 20), HELD)
    saved = await it.post("/cache/settings", {"cache_settings": wanted})
    tested = await it.post("/cache/settings/test", {"cache_settings": wanted})
    assert saved.status == (409 if others else 200)
    assert tested.json["status"] == ("failed" if others else "success")
    for name in others:
        assert name in saved.error["message"]
        assert name in tested.json["message"]
    assert b"canary" not in saved.body + tested.body
    assert (await it.get("/cache/settings")).json["current_values"]["ttl"] == 600.0


async def test_a_store_that_is_away_fails_its_test() -> None:
    tested = await browser(None).post("/cache/settings/test", {"cache_settings": {}})
    assert (tested.status, tested.json["status"]) == (200, "failed")
    assert tested.json["error"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "settings"),
        ("POST", "settings/test"),
        ("GET", "ping"),
        ("GET", "redis/info"),
        ("GET", "settings"),
        ("POST", "delete"),
        ("POST", "flushall"),
    ],
)
async def test_an_ordinary_key_may_not(method: str, path: str) -> None:
    it = browser(ProcessAnswers(FakeClock(), 1 << 20))
    answer = await it.ask(method, f"/cache/{path}", {"keys": ["a"]}, key=KEY)
    assert answer.status == 403
