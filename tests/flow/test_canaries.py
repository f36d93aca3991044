"""No secret leaves through a log line, a metric, an error or a description: canaries in each slot."""

import logging
import os

import pytest
from tests.support.clock import FakeClock
from tests.support.keystore import ADMIN_KEY, KEY, MASTER_KEY, SwitchedStore, record_of
from tests.support.receipts import receipt
from tests.support.web import Browser

from hx_gateway.auth.keys import key_id
from hx_gateway.core.secret import Secret
from hx_gateway.core.snapshot import AuthSettings
from hx_gateway.manage.checks import Checkup
from hx_gateway.manage.directory import Directory
from hx_gateway.manage.keys import KeyService
from hx_gateway.usage.line_writer import LineWriter
from hx_gateway.usage.log import AccessLog, install
from hx_gateway.usage.metrics import Metrics
from hx_gateway.usage.redact import Redactor
from hx_gateway.web import directory, health, keys, metrics, openapi

DSN = "postgresql://hx:canary-pass%21word@db.internal/hx"
PASSWORD = "canary-pass!word"
CANARIES = [KEY, MASTER_KEY, ADMIN_KEY, PASSWORD, "canary-pass%21word"]


class Log:
    """All that is logged, through the real writer and a pipe."""

    def __init__(self, redactor: Redactor) -> None:
        self._reader, self._fd = os.pipe()
        self.writer = LineWriter(self._fd, redactor.clean, gather_s=0.01)
        self._root = logging.getLogger()
        self._before = (list(self._root.handlers), self._root.level)
        install(self.writer, "debug")

    def read(self) -> str:
        """Give everything; nothing more is logged afterwards."""
        self._root.handlers[:], level = self._before
        self._root.setLevel(level)
        self.writer.close()
        os.close(self._fd)
        with os.fdopen(self._reader, "rb") as file:
            return file.read().decode()


@pytest.fixture
def log() -> Log:
    return Log(Redactor([Secret(DSN), Secret(ADMIN_KEY)]))


class Leaky(SwitchedStore):
    """A store whose driver puts its whole address and its argument into the exception."""

    async def get_standing(self, id_: str):  # type: ignore[no-untyped-def]
        if self.mode == "broken":
            raise RuntimeError(f"could not connect to {DSN} as {PASSWORD} for {KEY} {ADMIN_KEY}")
        return await super().get_standing(id_)


async def test_no_canary_is_in_anything_that_leaves(log: Log) -> None:
    store = Leaky(record_of())
    counted, access = Metrics("0"), AccessLog(log.writer)
    it = Browser(store, FakeClock())
    service = KeyService(store, it.clock, forget=it.gate.forget)
    family = [
        *keys.endpoints(service),
        *directory.endpoints(Directory(store)),
        *health.endpoints(Checkup([], it.clock)),
        *metrics.endpoints(counted, AuthSettings()),
    ]
    it.open([*family, *openapi.endpoints(family)])
    counted.take(receipt(key_id=key_id(KEY)))
    access.take(receipt(key_id=key_id(KEY), model=KEY))  # a client may send a key as the model
    bodies = [
        await it.get("/key/list", return_full_object="true"),
        await it.get("/v1/keys"),
        await it.get("/key/info", key=KEY),
        await it.get("/v1/keys", key=KEY),
        await it.get("/openapi.json"),
        await it.get("/readyz"),
        await it.get("/metrics"),
        await it.post("/key/generate", {"key": "sk-short", "metadata": {}}),
    ]
    store.mode = "broken"
    it.gate.forget()
    failed = await it.get("/key/info", key=KEY)
    assert failed.status == 500
    logged = log.read()
    assert "could not connect" in logged, "the log does say what happened"
    assert key_id(KEY) in bodies[-2].body.decode(), "metrics have the hash"
    for canary in CANARIES:
        assert canary not in logged
        assert all(canary not in answer.body.decode() for answer in [*bodies, failed])
    assert "db.internal" not in failed.body.decode()


async def test_without_the_net_the_log_would_have_had_it() -> None:
    log = Log(Redactor())
    logging.getLogger("hx_gateway.test").error("could not connect to %s", DSN)
    assert "canary-pass%21word" in log.read()
