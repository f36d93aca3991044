import pytest
from tests.support.clock import FakeClock

from hx_gateway.cache.entry import Entry
from hx_gateway.cache.exact import ExactShelf
from hx_gateway.cache.question import Question
from hx_gateway.core.answers import answer_label
from hx_gateway.core.call import Call, Operation
from hx_gateway.core.errors import DependencyError
from hx_gateway.store.answers_process import ProcessAnswers

CALL = Call(id="c", operation=Operation.CHAT, dialect="d", model="m", fields={})
ENTRY = Entry(tenant="t", dialect="d", body=b"{}", created_at=1.0)


def question(tenant: str = "t", name: str = "ab") -> Question:
    return Question(call=CALL, tenant=tenant, name=name, ttl_s=60)


class Away(ProcessAnswers):
    """Answers nothing."""

    async def get(self, name: str, *, tenant: str) -> bytes | None:
        raise DependencyError("Redis")

    async def put(self, name: str, value: bytes, *, tenant: str, ttl_s: float) -> None:
        raise DependencyError("Redis")

    async def lease(self, name: str, *, tenant: str, holder: str, ttl_s: float) -> bool:
        raise DependencyError("Redis")

    async def release(self, name: str, *, tenant: str, holder: str) -> None:
        raise DependencyError("Redis")


async def test_what_was_kept_is_found_by_its_name_and_tenant() -> None:
    shelf = ExactShelf(ProcessAnswers(FakeClock(), 1 << 20))
    await shelf.keep(question(), ENTRY, 60)
    found = await shelf.find(question())
    assert found is not None
    assert (found.entry, found.label) == (ENTRY, answer_label("t", "ab"))
    assert await shelf.find(question(name="cd")) is None
    assert await shelf.find(question(tenant="u")) is None


async def test_what_lies_under_a_wrong_tenant_is_not_given() -> None:
    """Should a store ever mix names up, the entry itself says whose it is."""
    answers = ProcessAnswers(FakeClock(), 1 << 20)
    shelf = ExactShelf(answers)
    await shelf.keep(question(), ENTRY, 60)
    stolen = await answers.get("ab", tenant="t")
    assert stolen is not None
    await answers.put("ab", stolen, tenant="u", ttl_s=60)
    assert await shelf.find(question(tenant="u")) is None


async def test_damage_is_a_miss_and_said_once_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    answers = ProcessAnswers(FakeClock(), 1 << 20)
    await answers.put("ab", b"HXA1 nonsense", tenant="t", ttl_s=60)
    assert await ExactShelf(answers).find(question()) is None
    assert "damaged" in caplog.text


async def test_a_store_that_is_away_is_said_where_somebody_waits() -> None:
    shelf = ExactShelf(Away(FakeClock(), 1 << 20))
    for ask in (shelf.find, shelf.claim):
        with pytest.raises(DependencyError):
            await ask(question())
    await shelf.keep(question(), ENTRY, 60)
    await shelf.release(question())
