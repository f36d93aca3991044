"""Acceptance cases of starting, configuring and stopping (BOOT, CFG, LIFE, HLT), by their ids."""

import asyncio
import json
import os
import socket
import time
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import simple_config
from tests.e2e.test_dependencies import until_deps
from tests.support.postgres import PostgresServer
from tests.support.processes import free_port
from tests.support.served import MASTER_KEY, Gateway, Ran, running, until
from tests.support.upstream import Upstream

ASK = {"model": "chat-a", "messages": [{"role": "user", "content": "hi"}]}
PASSWORD = "p!w"


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


@pytest.fixture(scope="module", autouse=True)
def account(postgres: PostgresServer) -> None:
    postgres.execute(f"CREATE ROLE fresh LOGIN SUPERUSER PASSWORD '{PASSWORD}'")


def url(postgres: PostgresServer, database: str, scheme: str = "postgresql") -> str:
    """The address of a database with the fresh account, as CFG-01 has it."""
    postgres.url(database)
    return f"{scheme}://fresh:{PASSWORD}@127.0.0.1:{postgres.port}/{database}"


async def ended(gateway: Gateway, within_s: float = 60.0) -> tuple[int | None, str]:
    """Start something that is to refuse, and give its exit code and words."""
    gateway.start()
    try:
        await until(lambda: not gateway.alive, within_s, f"ended: {gateway.logs()}")
    finally:
        if gateway.alive:
            gateway.kill()
    return gateway.exit_code, gateway.logs()


def everything(folder: Path) -> set[Path]:
    """All that is below a folder."""
    return set(folder.rglob("*"))


def finding(ran: Ran, name: str) -> dict[str, Any]:
    """One check of a JSON report."""
    checks = json.loads(ran.out)["findings"]
    return next(one for one in checks if one["name"] == name)


async def test_boot_01_02_prepare_is_idempotent(tmp_path: Path, postgres: PostgresServer) -> None:
    gateway = Gateway(tmp_path, config={}, env={"DATABASE_URL": url(postgres, "boot1")})
    first = await gateway.run("db", "upgrade")
    assert first.code == 0, first.err
    tables = "SELECT tablename FROM pg_tables WHERE tablename LIKE 'hx_%' ORDER BY 1"
    ledger = "SELECT name, finished_at FROM hx_migrations ORDER BY 1"
    before = postgres.execute(tables, "boot1"), postgres.execute(ledger, "boot1")
    assert {"hx_keys", "hx_teams", "hx_users", "hx_migrations"} <= {row[0] for row in before[0]}
    for _ in range(3):
        again = await gateway.run("db", "upgrade")
        assert (again.code, "nothing to" in (again.out + again.err).lower()) == (0, True)
    assert (postgres.execute(tables, "boot1"), postgres.execute(ledger, "boot1")) == before
    assert PASSWORD not in first.out + first.err


async def test_boot_06_an_unreachable_database_is_an_error_in_time(tmp_path: Path) -> None:
    address = f"postgresql://fresh:{PASSWORD}@127.0.0.1:{free_port()}/hx"
    gateway = Gateway(tmp_path, config={}, env={"DATABASE_URL": address})
    began = time.monotonic()
    ran = await gateway.run("db", "upgrade")
    assert ran.code != 0
    assert time.monotonic() - began < 60
    assert "PostgreSQL" in ran.out + ran.err
    assert PASSWORD not in ran.out + ran.err


async def test_boot_07_10_the_schema_may_come_while_it_runs(
    tmp_path: Path, upstream: Upstream, postgres: PostgresServer
) -> None:
    env = {"DATABASE_URL": url(postgres, "boot10")}
    gateway = Gateway(tmp_path, config=simple_config(upstream), env=env)
    gateway.start()
    try:
        await gateway.wait_live()
        await until(lambda: "status: degraded" in gateway.logs(), 60.0, "degraded")
        ready = await gateway.ask("/readyz", key=None)
        assert ready.status == 503
        assert "schema" in ready.text
        status = await gateway.run("status")
        assert (status.code != 0, status.out.splitlines()[0]) == (True, "schema-missing")
        assert (await gateway.ask("/v1/models")).status == 200
        assert (await gateway.ask("/v1/chat/completions", json=ASK)).status == 200
        assert (await gateway.run("db", "upgrade")).code == 0
        await gateway.wait_ready()
        assert (await gateway.ask("/v1/keys")).status == 200
        serving = await gateway.run("status")
        assert (serving.code, serving.out.splitlines()[0]) == (0, "serving")
    finally:
        await gateway.stop()
    stopped = await gateway.run("status")
    assert (stopped.code != 0, stopped.out.splitlines()[0]) == (True, "stopped")


@pytest.mark.parametrize("damage", ["ledger gone", "step unfinished", "from the future"])
async def test_boot_08_a_half_migrated_database_has_one_verdict(
    tmp_path: Path, postgres: PostgresServer, damage: str
) -> None:
    name = f"boot8 {damage}"
    gateway = Gateway(
        tmp_path, config={}, env={"DATABASE_URL": url(postgres, name.replace(" ", "%20"))}
    )
    postgres.url(name)
    assert (await gateway.run("db", "upgrade")).code == 0
    sql = {
        "ledger gone": "DROP TABLE hx_migrations",
        "step unfinished": "UPDATE hx_migrations SET finished_at = NULL WHERE name LIKE '0001%'",
        "from the future": "INSERT INTO hx_migrations SELECT '9999_post_x', checksum, started_at, finished_at FROM hx_migrations LIMIT 1",
    }[damage]
    postgres.execute(sql, name)
    verdicts = []
    for _ in range(2):
        began = time.monotonic()
        ran = await gateway.run("db", "upgrade")
        assert time.monotonic() - began < 60
        verdicts.append((ran.code, ran.out + ran.err))
    assert verdicts[0] == verdicts[1]
    if verdicts[0][0] != 0:
        assert len(verdicts[0][1]) > 40, "it says what to do"


async def test_boot_12_no_home_and_a_read_only_program(tmp_path: Path) -> None:
    """The service identity has no home; everything it writes is in the state directory."""
    state = tmp_path / "state"
    gateway = Gateway(state, config={"model_list": []})
    gateway.env["HOME"] = "/nonexistent"
    before = everything(tmp_path)
    assert (await gateway.run("db", "upgrade")).code == 0
    gateway.start()
    try:
        await gateway.wait_ready()
    finally:
        assert await gateway.stop() == 0
    new = everything(tmp_path) - before
    assert new
    assert all(state in path.parents for path in new)


@pytest.mark.parametrize(
    "scheme", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+asyncpg"]
)
async def test_cfg_01_02_passwords_and_schemes_of_all_kinds(
    tmp_path: Path, postgres: PostgresServer, scheme: str
) -> None:
    env_file = tmp_path / "gateway.env"
    env_file.write_text(f"DATABASE_URL={url(postgres, 'cfg1', scheme)}\n")
    env_file.chmod(0o600)
    gateway = Gateway(tmp_path / "s", config={})
    assert (await gateway.run("db", "upgrade", "--env-file", str(env_file))).code == 0
    ran = await gateway.run("doctor", "--json", "--env-file", str(env_file))
    assert finding(ran, "database")["verdict"] == "ok", ran.out
    assert PASSWORD not in ran.out + ran.err
    shown = await gateway.run("check", "--env-file", str(env_file))
    assert "postgresql://" in shown.out
    assert PASSWORD not in shown.out
    assert "+" not in shown.out.partition("postgresql")[2][:3]


async def test_cfg_05_07_without_urls_it_serves_and_says_what_it_does_instead(
    tmp_path: Path, upstream: Upstream
) -> None:
    """There is an embedded database, so that its absence hurts nobody."""
    async with running(tmp_path, config=simple_config(upstream)) as gateway:
        assert (await gateway.ask("/v1/models")).status == 200
        assert (await gateway.ask("/v1/keys")).status == 200
        for name in ("DATABASE_URL", "REDIS_URL"):
            await until(partial(told, gateway, name), 30.0, name)


async def test_cfg_06_07_strictly_the_urls_must_be_there(
    tmp_path: Path, upstream: Upstream
) -> None:
    strict = Gateway(tmp_path, config=simple_config(upstream), arguments=("--strict",))
    code, said = await ended(strict)
    assert code == 2
    assert all(name in said for name in ("DATABASE_URL", "REDIS_URL"))


@pytest.mark.parametrize(
    "form", ["os.environ/SOME_UNSET", "${SOME_UNSET}", "${SOME_UNSET:?m}", "$SOME_UNSET"]
)
async def test_cfg_08_an_unresolved_placeholder_is_named(tmp_path: Path, form: str) -> None:
    text = f"model_list:\n  - model_name: a\n    litellm_params:\n      model: openai/a\n      api_key: {form}\n"
    code, said = await ended(Gateway(tmp_path, config=text))
    assert code == 2
    assert "config.yaml" in said
    assert "line 5" in said or ":5" in said
    assert "SOME_UNSET" in said


async def test_cfg_09_missing_and_unreadable_are_told_apart(tmp_path: Path) -> None:
    missing = Gateway(tmp_path / "a", env={"CONFIG_FILE_PATH": str(tmp_path / "no.yaml")})
    code, said = await ended(missing)
    assert (code, str(tmp_path / "no.yaml") in said, "not found" in said) == (2, True, True)
    folder = Gateway(tmp_path / "b", env={"CONFIG_FILE_PATH": str(tmp_path)})
    code, said = await ended(folder)
    assert (code, str(tmp_path) in said, "directory" in said) == (2, True, True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ("empty",)),
        ("- a\n- b\n", ("mapping",)),
        ("model_list: [\n  {a: b\n", ("YAML", "line")),
        ("model_list: text\n", ("model_list",)),
        ("hx:\n  servr: {}\n", ("hx.servr",)),
        ("modle_list: []\n", ("modle_list",)),
    ],
)
async def test_cfg_10_11_a_bad_file_is_refused_with_its_place(
    tmp_path: Path, text: str, words: tuple[str, ...]
) -> None:
    gateway = Gateway(tmp_path, config=text)
    ran = await gateway.run("check", "--strict")
    assert ran.code != 0
    assert all(word in ran.out + ran.err for word in words), ran.out + ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(("value", "code"), [("abc", 2), ("-1", 2), ("0", 0), ("384", 0)])
async def test_cfg_13_the_dimension_is_a_number(tmp_path: Path, value: str, code: int) -> None:
    ran = await Gateway(tmp_path, config={}, env={"EMBEDDING_DIM": value}).run("check")
    assert ran.code == code, ran.out + ran.err
    if code:
        assert "EMBEDDING_DIM" in ran.out + ran.err


@pytest.mark.parametrize("key", ["sk-1234", "sk-short", "changeme", "x" * 31])
async def test_cfg_15_a_weak_master_key_is_refused(tmp_path: Path, key: str) -> None:
    code, said = await ended(Gateway(tmp_path, config={}, key=key))
    assert code == 2
    assert "LITELLM_MASTER_KEY" in said
    assert key not in said


async def test_cfg_15_for_development_it_warns_at_every_start(tmp_path: Path) -> None:
    for starts in (1, 2):
        options: dict[str, Any] = {"config": {}, "key": "sk-1234", "arguments": ("--dev",)}
        async with running(tmp_path, **options) as gateway:
            await until(partial(warned_of, gateway, starts), 30.0, "a warning")
            assert warnings(gateway) == starts


def told(gateway: Gateway, name: str) -> bool:
    return name in gateway.logs()


def warned_of(gateway: Gateway, times: int) -> bool:
    return warnings(gateway) >= times


def warnings(gateway: Gateway) -> int:
    """How often the log warns of the key."""
    lines = [line for line in gateway.logs().splitlines() if "LITELLM_MASTER_KEY" in line]
    return len([line for line in lines if '"warning"' in line])


async def test_cfg_16_a_world_readable_env_file_is_found_and_strictly_refused(
    tmp_path: Path,
) -> None:
    env_file = tmp_path / "gateway.env"
    env_file.write_text(f"LITELLM_MASTER_KEY={MASTER_KEY}\n")
    env_file.chmod(0o644)
    named = ("--env-file", str(env_file))
    doctor = await Gateway(tmp_path / "a", config={}, key=None).run("doctor", *named)
    assert "0600" in doctor.out
    assert str(env_file) in doctor.out
    strict = Gateway(tmp_path / "b", config={}, key=None, arguments=(*named, "--strict"))
    code, said = await ended(strict)
    assert (code, str(env_file) in said) == (2, True)
    env_file.chmod(0o600)
    code, said = await ended(strict)
    assert str(env_file) not in said.partition("does not start")[2].partition("does not start")[2]


async def test_cfg_18_every_setting_has_its_source(tmp_path: Path, upstream: Upstream) -> None:
    gateway = Gateway(tmp_path, config=simple_config(upstream), env={"LITELLM_LOG": "DEBUG"})
    ran = await gateway.run("check")
    assert ran.code == 0
    assert all(word in ran.out for word in ("LITELLM_LOG", "default", "config.yaml"))
    assert MASTER_KEY not in ran.out
    assert "sk-upstream-canary" not in ran.out


async def test_life_03_04_a_taken_port_is_named_and_no_second_process_runs(
    tmp_path: Path, upstream: Upstream
) -> None:
    async with running(tmp_path / "a", config=simple_config(upstream)) as first:
        second = Gateway(tmp_path / "b", config=simple_config(upstream))
        second.port = first.port
        code, said = await ended(second)
        assert code == 4
        assert str(first.port) in said
        assert MASTER_KEY not in said
        assert (await first.ask("/v1/models")).status == 200


async def test_life_02_06_stop_is_clean_and_changes_are_pending(
    tmp_path: Path, upstream: Upstream
) -> None:
    async with running(tmp_path, config=simple_config(upstream)) as gateway:
        await asyncio.sleep(1.1)  # file times have their own resolution
        gateway.configure(simple_config(upstream, litellm_settings={"num_retries": 1}))
        assert "pending" in (await gateway.run("status")).out
        assert (await gateway.run("reload")).code == 0
        assert "pending" not in (await gateway.run("status")).out
        assert await gateway.stop() == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", gateway.port)) != 0


async def test_hlt_09_smoke_lists_each_check_with_its_time(
    tmp_path: Path, upstream: Upstream
) -> None:
    config: Mapping[str, Any] = simple_config(upstream, hx={"rag": {"embedding_model": "emb"}})
    async with running(tmp_path, config=config) as gateway:
        await until_deps(gateway, qdrant=True)
        ran = await gateway.run("smoke", "--json")
        assert ran.code == 0, ran.out + ran.err
        checks = json.loads(ran.out)["findings"]
        assert len(checks) > 6
        assert all(check["verdict"] and check["seconds"] >= 0 for check in checks)
    assert os.environ.get("DATABASE_URL") is None, "CFG-19: nothing is inherited"
