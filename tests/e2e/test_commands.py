"""doctor, status, smoke and reload against a real gateway, well and unwell."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support.ollama import Ollama
from tests.support.processes import free_port
from tests.support.served import MASTER_KEY, Gateway, Ran, running
from tests.support.upstream import Upstream


def config(upstream: Upstream, *names: str) -> dict[str, Any]:
    params = {"model": "openai/scripted", "api_base": upstream.base_url, "api_key": "sk-canary-1"}
    chat = [{"model_name": name, "litellm_params": params} for name in names]
    embed = {
        "model_name": "embed",
        "litellm_params": params,
        "model_info": {"mode": "embedding"},
    }
    return {"model_list": [*chat, embed], "hx": {"rag": {"embedding_model": "embed"}}}


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as one:
        yield one


@pytest.fixture
async def gateway(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Gateway]:
    async with running(tmp_path, config=config(upstream, "chat")) as one:
        for _ in range(600):  # the vector engine is a child process that starts in the background
            if (await one.ask("/healthz/deps")).status == 200:
                break
            await asyncio.sleep(0.1)
        yield one


def findings(ran: Ran) -> dict[str, str]:
    report = msgspec.json.decode(ran.out)
    return {finding["name"]: finding["verdict"] for finding in report["findings"]}


async def test_a_healthy_gateway_passes_all_commands(gateway: Gateway) -> None:
    for verb in ("smoke", "doctor", "status"):
        ran = await gateway.run(verb)
        assert ran.code == 0, ran.out + ran.err
        assert MASTER_KEY not in ran.out + ran.err
        assert "canary" not in ran.out + ran.err


async def test_smoke_says_what_does_not_work(gateway: Gateway, upstream: Upstream) -> None:
    await upstream.down()
    ran = await gateway.run("smoke", "--json")
    verdicts = findings(ran)
    assert ran.code == 1
    assert {name for name, verdict in verdicts.items() if verdict == "fail"} == {
        "chat",
        "embedding",
        "document search",
    }
    assert upstream.url not in ran.out


async def test_smoke_with_a_wrong_key_fails_where_a_key_is_needed(
    gateway: Gateway, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("sk-wrong-0123456789abcdef0123456789abcdef\n")
    ran = await gateway.run("smoke", "--json", "--key-file", str(tmp_path / "key"))
    verdicts = findings(ran)
    assert ran.code == 1
    assert (verdicts["port"], verdicts["list /v1/keys"]) == ("ok", "fail")


async def test_a_changed_file_is_pending_until_it_is_reloaded(
    gateway: Gateway, upstream: Upstream
) -> None:
    await asyncio.sleep(0.02)  # the file system's clock ticks in milliseconds
    gateway.configure(config(upstream, "chat", "added"))
    assert (await gateway.run("status")).out == "serving (reload pending)\n"
    ran = await gateway.run("reload")
    assert (ran.code, ran.out) == (0, "Reloaded.\n"), ran.err
    assert (await gateway.run("status")).out == "serving\n"
    models = (await gateway.ask("/v1/models")).json()["data"]
    assert "added" in {model["id"] for model in models}


async def test_reload_refuses_a_broken_file_before_it_asks_the_gateway(gateway: Gateway) -> None:
    gateway.configure("model_list: [{model_name: broken}]")
    ran = await gateway.run("reload")
    assert ran.code == 2
    assert "model_list" in ran.err
    assert (await gateway.ask("/v1/models")).status == 200


async def test_a_gateway_that_is_not_there_is_stopped(tmp_path: Path) -> None:
    nobody = Gateway(tmp_path)
    status, smoke = await nobody.run("status"), await nobody.run("smoke", "--json")
    assert (status.code, status.out) == (1, "stopped\n")
    assert msgspec.json.decode(smoke.out)["cause"] == "port"
    assert (await nobody.run("reload")).code == 1


async def test_doctor_works_without_a_gateway_and_changes_nothing(tmp_path: Path) -> None:
    nobody = Gateway(tmp_path / "state", key=None)
    before = sorted(nobody.state.iterdir())
    ran = await nobody.run("doctor", "--json")
    assert ran.code == 0, ran.out
    assert findings(ran)["port"] == "warn"
    assert sorted(nobody.state.iterdir()) == before


async def test_doctor_runs_every_check_even_when_the_configuration_is_broken(
    tmp_path: Path,
) -> None:
    broken = Gateway(tmp_path, config="model_list: [{model_name: broken}]")
    ran = await broken.run("doctor", "--json")
    report = msgspec.json.decode(ran.out)
    assert (ran.code, report["cause"]) == (1, "configuration")
    assert {"state directory", "port", "clock"} <= set(findings(ran))


async def test_doctor_names_what_is_down_and_shows_no_secret(tmp_path: Path) -> None:
    password = "canary-p!w"
    down = Gateway(
        tmp_path,
        config="model_list: []",
        env={
            "DATABASE_URL": f"postgresql://hx:{password}@127.0.0.1:{free_port()}/hx",
            "REDIS_URL": f"redis://:{password}@127.0.0.1:{free_port()}/0",
            "QDRANT_URL": f"http://127.0.0.1:{free_port()}",
        },
    )
    ran = await down.run("doctor", "--json")
    verdicts = findings(ran)
    assert {verdicts[name] for name in ("database", "redis", "qdrant")} == {"fail"}
    assert msgspec.json.decode(ran.out)["cause"] == "database"
    assert password not in ran.out + ran.err


async def test_doctor_asks_a_node_for_its_version_and_never_for_text(tmp_path: Path) -> None:
    async with Ollama() as node:
        params = {"model": "ollama_chat/llama3.2", "api_base": node.url}
        models = [{"model_name": "llama", "litellm_params": params}]
        ran = await Gateway(tmp_path, config={"model_list": models}).run("doctor", "--json")
        assert (
            next(found for name, found in findings(ran).items() if name.endswith("(llama)")) == "ok"
        )
        assert {asked.path for asked in node.asked} == {"/api/version"}


async def test_a_port_of_another_program_is_named(tmp_path: Path) -> None:
    async with Upstream() as stranger:
        other = Gateway(tmp_path)
        other.port = stranger.port
        ran = await other.run("doctor", "--json")
        assert findings(ran)["port"] == "fail"
