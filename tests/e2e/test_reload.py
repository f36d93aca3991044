"""What a reload keeps, and what it takes up: known keys, streams elsewhere, certificates."""

import asyncio
import signal
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contract.edge.test_listen import make_certificate
from tests.e2e.conftest import simple_config
from tests.support.postgres import PostgresServer
from tests.support.served import Gateway, running, until
from tests.support.upstream import Upstream


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


async def reloaded(gateway: Gateway, words: str = "configuration reloaded") -> None:
    """Reload, and wait until the log says how it went."""
    before = gateway.logs().count(words)
    gateway.signal(signal.SIGHUP)
    await until(lambda: gateway.logs().count(words) > before, 60.0, words)


async def test_known_keys_outlive_a_reload_while_the_database_is_away(
    tmp_path: Path, upstream: Upstream, postgres: PostgresServer
) -> None:
    """A reload once began with an empty key cache: with the database away, every key was 503."""
    options = {
        "config": simple_config(upstream),
        "env": {"DATABASE_URL": postgres.url("reload")},
        "arguments": ("--migrate",),
    }
    async with running(tmp_path, **options) as gateway:
        made = await gateway.ask("/key/generate", json={})
        assert made.status == 200, made.text
        key = made.json()["key"]
        assert (await gateway.ask("/v1/models", key=key)).status == 200
        postgres.stop()
        try:
            await reloaded(gateway)
            assert (await gateway.ask("/v1/models", key=key)).status == 200
            other = f"sk-{'a' * 40}"
            assert (await gateway.ask("/v1/models", key=other)).status == 503
        finally:
            postgres.cont()


async def test_a_new_certificate_is_taken_up_and_a_bad_one_is_not(
    tmp_path: Path, upstream: Upstream
) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make_certificate(cert, key)
    state = tmp_path / "state"
    gateway = Gateway(
        state,
        config=simple_config(upstream),
        env={"SSL_CERTFILE_PATH": str(cert), "SSL_KEYFILE_PATH": str(key)},
    )
    gateway.start()
    try:
        await until(lambda: "status: serving" in gateway.logs(), 60.0, "serving")
        first = await shown_certificate(gateway.port)
        make_certificate(cert, key)
        await reloaded(gateway)
        second = await shown_certificate(gateway.port)
        assert second != first
        make_certificate(cert, tmp_path / "another-key.pem")
        await reloaded(gateway, "reload refused: the TLS certificate or key")
        assert await shown_certificate(gateway.port) == second
    finally:
        await gateway.stop()


async def shown_certificate(port: int) -> bytes:
    """The certificate that a client is shown."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    shown: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return shown
