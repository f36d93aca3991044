"""A gateway whose database is behind PgBouncer in transaction mode, as it is in many houses."""

import asyncio
from pathlib import Path

import pytest
from tests.support.pgbouncer import SESSIONS, Pooler
from tests.support.postgres import PASSWORD
from tests.support.served import Gateway, running

pytestmark = pytest.mark.slow
CONFIG = {
    "model_list": [
        {"model_name": "m", "litellm_params": {"model": "openai/m", "mock_response": "canned"}}
    ]
}


async def test_keys_work_through_a_transaction_pooler(pooler: Pooler, tmp_path: Path) -> None:
    env = {"DATABASE_URL": pooler.url("pooled") + "&pgbouncer=true"}
    prepared = await Gateway(tmp_path / "once", config=CONFIG, env=env).run("db", "upgrade")
    assert prepared.code == 0, prepared.err
    async with running(tmp_path / "state", config=CONFIG, env=env) as gateway:
        await gateway.wait_ready()
        many = range(10 * SESSIONS)  # at once, on two sessions
        made = await asyncio.gather(
            *(gateway.ask("/key/generate", json={"key_alias": f"key {n}"}) for n in many)
        )
        assert [answer.status for answer in made] == [200] * len(many)
        keys = [answer.json()["key"] for answer in made]
        asked = await asyncio.gather(*(gateway.ask("/v1/models", key=key) for key in keys))
        assert [answer.status for answer in asked] == [200] * len(many)
        deleted = await gateway.ask("/key/delete", json={"keys": keys[:5]})
        assert deleted.status == 200
        gone = await asyncio.gather(*(gateway.ask("/v1/models", key=key) for key in keys[:5]))
        assert [answer.status for answer in gone] == [401] * 5
        listed = (await gateway.ask("/v1/keys")).json()
        assert len(listed["data"]) == len(many) - 5


async def test_who_forgets_to_say_so_is_told_what_to_write(pooler: Pooler, tmp_path: Path) -> None:
    """Symptom: `PostgreSQL is not available; try again shortly`, which never came true."""
    gateway = Gateway(tmp_path, config=CONFIG, env={"DATABASE_URL": pooler.url("pooled")})
    for verb in (("doctor",), ("db", "upgrade")):
        ran = await gateway.run(*verb)
        assert ran.code != 0
        assert "add pgbouncer=true to its URL" in ran.out + ran.err
        assert PASSWORD not in ran.out + ran.err
