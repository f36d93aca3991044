"""The cache routes in LiteLLM's shapes, for operators only."""

import pytest
from tests.support.clock import FakeClock
from tests.support.keystore import KEY, SwitchedStore, record_of
from tests.support.web import Browser

from hx_gateway.core.answers import answer_label
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


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "ping"), ("POST", "delete"), ("POST", "flushall")]
)
async def test_an_ordinary_key_may_not(method: str, path: str) -> None:
    it = browser(ProcessAnswers(FakeClock(), 1 << 20))
    answer = await it.ask(method, f"/cache/{path}", {"keys": ["a"]}, key=KEY)
    assert answer.status == 403
