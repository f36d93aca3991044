"""Teams, users and keys on the running program: what is taken away is gone at the next call."""

import asyncio
import time

import pytest
from tests.support.served import Gateway, until
from tests.support.upstream import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")
ASK = {"messages": [{"role": "user", "content": "hi"}]}


async def chat(gateway: Gateway, key: str, model: str = "chat-a") -> int:
    answer = await gateway.ask("/v1/chat/completions", json={"model": model, **ASK}, key=key)
    return answer.status


async def do(gateway: Gateway, path: str, **body: object) -> dict[str, object]:
    answer = await gateway.ask(path, json=body)
    assert answer.status == 200, answer.text
    made: dict[str, object] = answer.json()
    return made


async def test_a_team_bounds_its_keys_and_takes_them_along(
    gateway: Gateway, upstream: Upstream
) -> None:
    await do(gateway, "/team/new", team_id="t", models=["chat-a"])
    key = str((await do(gateway, "/key/generate", team_id="t"))["key"])
    assert [await chat(gateway, key), await chat(gateway, key, "chat-b")] == [200, 403]
    listed = (await gateway.ask("/v1/models", key=key)).json()
    assert [model["id"] for model in listed["data"]] == ["chat-a"]
    await do(gateway, "/team/update", team_id="t", models=["chat-b"])
    assert [await chat(gateway, key), await chat(gateway, key, "chat-b")] == [403, 200]
    await do(gateway, "/team/block", team_id="t")
    assert await chat(gateway, key, "chat-b") == 401
    await do(gateway, "/team/unblock", team_id="t")
    assert await chat(gateway, key, "chat-b") == 200
    assert [team["team_id"] for team in (await gateway.ask("/v1/teams")).json()["data"]] == ["t"]
    await do(gateway, "/team/delete", team_ids=["t"])
    assert await chat(gateway, key, "chat-b") == 401


async def test_a_user_takes_its_keys_along(gateway: Gateway, upstream: Upstream) -> None:
    key = str((await do(gateway, "/user/new", user_id="u", models=["chat-a"]))["key"])
    assert [await chat(gateway, key), await chat(gateway, key, "chat-b")] == [200, 403]
    await do(gateway, "/user/update", user_id="u", blocked=True)
    assert await chat(gateway, key) == 401
    assert [user["user_id"] for user in (await gateway.ask("/v1/users")).json()["data"]] == ["u"]
    assert (await gateway.ask("/user/delete", json={"user_ids": ["u"]})).json() == 1


async def test_a_key_is_renewed_and_its_use_is_seen(gateway: Gateway, upstream: Upstream) -> None:
    old = str((await do(gateway, "/key/generate", key_alias="renewed"))["key"])
    assert await chat(gateway, old) == 200
    new = str((await do(gateway, "/key/regenerate", key=old))["key"])
    assert [await chat(gateway, old), await chat(gateway, new)] == [401, 200]
    end = time.monotonic() + 60.0
    while not (await gateway.ask(f"/key/info?key={new}")).json()["info"]["last_used_at"]:
        assert time.monotonic() < end
        await asyncio.sleep(0.2)


async def test_what_the_edge_refuses_is_in_the_log_and_in_the_metrics(gateway: Gateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"secret" * 4000 + b"\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.close()
    assert b" 431 " in head
    metrics = (await gateway.ask("/metrics")).text
    lines = [line for line in metrics.splitlines() if 'endpoint="edge"' in line and "431" in line]
    assert lines
    assert float(lines[0].rpartition(" ")[2]) >= 1
    await until(lambda: '"endpoint":"edge"' in gateway.logs(), 30.0, "a line in the log")
    line = next(line for line in gateway.logs().splitlines() if '"endpoint":"edge"' in line)
    assert '"status":431' in line
    assert "secretsecret" not in gateway.logs()
