"""A different secret in every slot of a running gateway, at debug, with everything going wrong.

None of them may be in what it logs, answers, stores, exports or shows in the process list.
"""

import os
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.e2e.conftest import simple_config
from tests.support.canaries import canary, files_below, hits, process_tree
from tests.support.postgres import PostgresServer, postgres_server
from tests.support.processes import free_port
from tests.support.qdrant import qdrant_double
from tests.support.served import Gateway, running, until
from tests.support.upstream import Mode, Upstream

PLACES = (
    "master", "virtual", "new-text", "wrong", "provider", "header", "from-env", "admin", "database",
    "redis", "qdrant", "proxy", "in-broken-file",
)  # fmt: skip
ASK = {"messages": [{"role": "user", "content": "hi"}]}
# Handed over by the operator, so they are there by intent.
GIVEN_FILES = {"config.yaml", "gateway.env"}


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


class Scene:
    """One gateway full of canaries, and everything that was seen of it."""

    def __init__(self, state: Path, upstream: Upstream, qdrant_url: str) -> None:
        self.planted = {place: canary(place) for place in PLACES}
        self.seen: dict[str, bytes] = {}
        self.upstream = upstream
        self.state = state
        self.env_file = state / "gateway.env"
        self._write_env_file(qdrant_url)
        self.gateway = Gateway(
            state,
            config=self._config(),
            arguments=("--env-file", str(self.env_file)),
            key=None,
        )
        self.gateway.key = None

    def _config(self) -> dict[str, Any]:
        config = simple_config(self.upstream)
        plain = config["model_list"][0]["litellm_params"]
        plain["api_key"] = self.planted["provider"]
        plain["extra_headers"] = {"X-Tenant-Token": self.planted["header"]}
        named = config["model_list"][1]["litellm_params"]
        named["api_key"] = "os.environ/UPSTREAM_KEY"
        proxied = {"model": "openai/x", "api_base": "http://elsewhere.example/v1", "api_key": "x"}
        config["model_list"].append({"model_name": "proxied", "litellm_params": proxied})
        config["hx"] = {"log": {"level": "debug"}}
        return config

    def _write_env_file(self, qdrant_url: str) -> None:
        p = self.planted
        port = free_port()  # nobody listens
        password = quote(p["database"] + "!%/", safe="")
        values = {
            "LITELLM_MASTER_KEY": p["master"],
            "ADMIN_KEYS": p["admin"],
            "UPSTREAM_KEY": p["from-env"],
            "DATABASE_URL": f"postgresql://canary:{password}@127.0.0.1:{port}/hx",
            "REDIS_URL": f"redis://:{p['redis']}@127.0.0.1:{port}/0",
            "QDRANT_URL": qdrant_url,
            "QDRANT_API_KEY": p["qdrant"],
        }
        self.env_file.parent.mkdir(parents=True, exist_ok=True)
        self.env_file.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
        self.env_file.chmod(0o600)

    def use_database(self, postgres: PostgresServer) -> None:
        """Make a role whose password is a canary, and name it in the environment file."""
        password = self.planted["database"]
        postgres.execute(f"CREATE ROLE canary LOGIN SUPERUSER PASSWORD '{password}'")
        url = f"postgresql://canary:{password}@127.0.0.1:{postgres.port}/canaries"
        lines = self.env_file.read_text().splitlines()
        lines = [f"DATABASE_URL={url}" if "DATABASE_URL" in line else line for line in lines]
        self.env_file.write_text("\n".join(lines) + "\n")

    async def ask(self, path: str, key: str | None = "master", **options: Any) -> int:
        """Ask with one of the planted keys, and keep the answer."""
        sent = None if key is None else self.planted[key]
        answer = await self.gateway.ask(path, **{"key": sent, **options})
        name = f"answer {len(self.seen)} {path} {answer.status}"
        head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        self.seen[name] = head.encode() + b"\n" + answer.body
        return answer.status

    async def run(self, verb: str, *arguments: str, code: int | None = None) -> None:
        """Run a command beside it, and keep what it prints."""
        env_file = ("--env-file", str(self.env_file))
        ran = await self.gateway.run(verb, *arguments, *env_file)
        self.seen[f"command {verb} {' '.join(arguments)}"] = (ran.out + ran.err).encode()
        assert "Traceback" not in ran.err
        if code is not None:
            assert ran.code == code, ran.out + ran.err

    async def use(self) -> None:
        """Do what works."""
        made = {"key": self.planted["virtual"], "metadata": {}}
        assert await self._new_key(made) == 200
        assert (
            await self.ask("/v1/chat/completions", "virtual", json={"model": "chat-a", **ASK})
            == 200
        )
        assert (
            await self.ask("/v1/chat/completions", "virtual", json={"model": "chat-b", **ASK})
            == 200
        )
        renewal = {"key": self.planted["virtual"], "new_key": self.planted["new-text"]}
        assert (
            await self.gateway.ask("/key/regenerate", key=self.planted["master"], json=renewal)
        ).status == 200
        admin = {"x-hx-admin-key": self.planted["admin"]}
        upsert = {"documents": [{"id": "a", "vector": [0.1] * 384}]}
        await self.ask("/v1/rag/upsert", json=upsert, headers=admin)

    async def _new_key(self, body: Mapping[str, object]) -> int:
        """Its answer shows the text of the key, once: kept out of what was seen."""
        answer = await self.gateway.ask("/key/generate", key=self.planted["master"], json=body)
        return answer.status

    async def look(self) -> None:
        """Ask everything that describes something."""
        for path in (
            "/metrics", "/openapi.json", "/healthz/deps", "/readyz", "/v1/keys", "/v1/users",
            "/v1/models", "/model/info", "/model_group/info", "/health", "/key/list?return_full_object=true",
        ):  # fmt: skip
            await self.ask(path)

    async def fail(self) -> None:
        """Do what goes wrong, with the upstream giving back the credential it was sent."""
        chat = "/v1/chat/completions"
        for place, model in (("provider", "chat-a"), ("header", "chat-a"), ("from-env", "chat-b")):
            text = (
                f"Incorrect API key provided: {self.planted[place]} (Bearer {self.planted[place]})"
            )
            self.upstream.mode = Mode.FAIL
            self.upstream.error = {"message": text, "type": "invalid_request_error", "code": text}
            self.upstream.error_headers = {"x-echo": self.planted[place]}
            for status in (400, 401, 429, 500):
                self.upstream.status = status
                await self.ask(chat, json={"model": model, **ASK})
                await self.ask(chat, json={"model": model, "stream": True, **ASK})
        self.upstream.mode = Mode.WELL
        await self.ask(chat, json={"model": "proxied", **ASK})
        await self.ask("/v1/models", "wrong")
        await self.ask("/v1/models", None, headers={"x-api-key": self.planted["wrong"]})
        await self.ask(
            "/v1/rag/search", None, headers={"x-hx-admin-key": self.planted["wrong"]}, body=b"{}"
        )
        await self.ask(f"/v1/nowhere/{self.planted['wrong']}")

    async def break_the_file(self) -> None:
        """Reload a configuration with an error on the line of a secret."""
        good = self.gateway.config_file.read_text()
        secret = self.planted["in-broken-file"]
        for bad in (
            f"model_list:\n  - api_key: {secret}: [",
            f"general_settings:\n  master_key: *{secret}\n",
            f"hx:\n  auth: {secret}\n",
            f'hx: {{log: {{level: "{secret}"}}}}\n',
            f"{secret}: 1\nmodel_list: {secret}\n",
        ):
            self.gateway.config_file.write_text(bad)
            refused = self.gateway.logs().count("reload refused")
            self.gateway.signal(signal.SIGHUP)
            await until(partial(self._was_refused, refused), 60.0, "refused")
            await self.run("check", code=2)
        self.gateway.config_file.write_text(good)

    def _was_refused(self, before: int) -> bool:
        return self.gateway.logs().count("reload refused") > before

    def collect(self) -> dict[str, bytes]:
        """Everything that was seen, the log, the files it wrote, the process list."""
        files = {
            name: text for name, text in files_below(self.state).items() if name not in GIVEN_FILES
        }
        return {**self.seen, **files}

    def processes(self) -> dict[str, bytes]:
        """Command lines of all processes, and the environments of the children."""
        pids = process_tree(self.gateway.pid)
        lines = {f"command line {pid}": Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids}
        # What an operator puts into the environment is in /proc/PID/environ of the gateway itself,
        # which only its own user and root may read; an env file or a credential keeps it out.
        names = {f"environment {pid}": Path(f"/proc/{pid}/environ").read_bytes() for pid in pids}
        return {**lines, **names}


@pytest.mark.slow
async def test_no_secret_leaves_a_running_gateway(
    tmp_path: Path, upstream: Upstream, postgres: PostgresServer
) -> None:
    with qdrant_double() as qdrant:
        scene = Scene(tmp_path / "s", upstream, f"http://127.0.0.1:{qdrant.port}")
        postgres.url("canaries")
        scene.use_database(postgres)
        gateway = scene.gateway
        proxy = f"http://user:{scene.planted['proxy']}@127.0.0.1:{free_port()}"
        gateway.env["HTTP_PROXY"] = proxy
        await scene.run("db", "upgrade")
        gateway.start()
        try:
            await until(lambda: "status: " in gateway.logs(), 60.0, "a status")
            await scene.use()
            await scene.look()
            await scene.fail()
            await scene.break_the_file()
            for verb in ("check", "doctor", "status", "smoke"):
                await scene.run(verb)
                await scene.run(verb, "--json")
            await scene.run("keys", "list")
            await scene.run("db", "plan")
            scene.seen["database dump"] = dump(postgres)
            seen_processes = scene.processes()
            postgres.stop()
            try:
                await scene.ask("/v1/keys")
                await scene.ask("/v1/models", "wrong")
                await scene.run("doctor")
            finally:
                postgres.cont()
        finally:
            await gateway.stop()
        found = scene.collect()
        assert len(found) > 50
        assert b"Traceback" not in found["test-output.log"]

        leaks = hits(scene.planted, found)
        assert not leaks, "\n".join(leaks)
        own = {"proxy"}  # given in the environment, for its own process to read
        elsewhere = {place: text for place, text in scene.planted.items() if place not in own}
        assert hits(elsewhere, seen_processes) == []
        lines = {name: text for name, text in seen_processes.items() if "command" in name}
        assert hits(scene.planted, lines) == []


def dump(postgres: PostgresServer) -> bytes:
    """Every row of every table, as text."""
    tables = postgres.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE tablename LIKE 'hx_%'", "canaries"
    )
    assert len(tables) >= 4
    rows = [
        row
        for schema, table in tables
        for row in postgres.execute(f'SELECT t::text FROM "{schema}"."{table}" AS t', "canaries")
    ]
    assert rows
    return "\n".join(str(row) for row in rows).encode()


async def test_no_secret_is_in_the_embedded_store(tmp_path: Path, upstream: Upstream) -> None:
    key = canary("virtual")
    async with running(tmp_path, config=simple_config(upstream)) as gateway:
        assert (await gateway.ask("/key/generate", json={"key": key})).status == 200
        assert (await gateway.ask("/v1/models", key=key)).status == 200
    found = {n: t for n, t in files_below(tmp_path).items() if n not in GIVEN_FILES}
    assert any(name.endswith(".db") for name in found)
    assert hits({"virtual": key, "master": str(gateway.key)}, found) == []


@pytest.mark.parametrize("form", range(11))
def test_the_search_finds_every_form(form: int) -> None:
    """The control: each form of a planted secret, in the middle of something else, is a hit."""
    import base64

    planted = {"x": canary("x")}
    plain = planted["x"].encode()
    hidden = [
        plain,
        b"." + plain + b".",
        quote(planted["x"] + "!", safe="").encode(),
        *(base64.b64encode(b"a" * n + plain + b"tail") for n in range(3)),
        *(base64.urlsafe_b64encode(b"\xff" * n + plain + b"\xff" * 5) for n in range(3)),
        plain.hex().encode(),
        plain.hex().upper().encode(),
    ]
    assert len(hidden) == 11
    assert hits(planted, {"text": b"before " + hidden[form] + b" after"}) == ["x in text"]
    assert hits(planted, {"text": b"before after"}) == []
    assert os.getpid() in process_tree(os.getpid())
