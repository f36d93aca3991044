"""Several real Valkeys that stand in for one another: watched by Sentinels, or as a Cluster."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, cast

from redis import Redis
from redis.exceptions import RedisError
from tests.support.processes import free_port
from tests.support.valkey import ValkeyServer, valkey_sentinel, valkey_server

SERVICE = "main"
_PATIENT_S = 120.0
_SLOTS = 16384
_AT_ONCE = ("--repl-diskless-sync-delay", "0")  # a replica is given all at once, not after 5 s


class Watched:
    """A primary, its replicas, and three Sentinels that have `password`."""

    def __init__(
        self, servers: list[ValkeyServer], sentinels: list[ValkeyServer], password: str
    ) -> None:
        self.servers = servers
        self.sentinels = sentinels
        self.password = password

    def url(self, database: int = 0) -> str:
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}/{database}"

    @property
    def nodes(self) -> list[list[object]]:
        """The Sentinels, as LiteLLM's setting has them."""
        return [["127.0.0.1", each.port] for each in self.sentinels]

    def settle(self) -> None:
        """Wait until the replicas have all that the primary has: they are told after the answer."""
        primary = self.primary()
        for each in self.servers:
            if each is not primary:
                _wait_for_copy(primary.port, each.port)

    def primary(self) -> ValkeyServer:
        """The server that the first Sentinel names."""
        port = primary_port(self.sentinels[0].port, self.password)
        return next(each for each in self.servers if each.port == port)


@contextmanager
def watched_valkeys(password: str = "watched-by-three") -> Iterator[Watched]:
    """Run three servers and three Sentinels; when the primary dies, a replica takes its place."""
    with ExitStack() as stack:
        first = stack.enter_context(valkey_server(None, *_AT_ONCE))
        servers = [
            first,
            *(
                stack.enter_context(
                    valkey_server(None, "--replicaof", "127.0.0.1", str(first.port))
                )
                for _ in range(2)
            ),
        ]
        lines = (
            f"sentinel monitor {SERVICE} 127.0.0.1 {first.port} 2",
            f"sentinel down-after-milliseconds {SERVICE} 2000",
            f"sentinel failover-timeout {SERVICE} 5000",
            f"requirepass {password}",
            f"sentinel sentinel-pass {password}",
        )
        sentinels = [stack.enter_context(valkey_sentinel(*lines)) for _ in range(3)]
        found = Watched(servers, sentinels, password)
        for each in servers[1:]:
            _wait(partial(_link_is_up, each.port), "the replica follows")
        for each in sentinels:
            _wait(partial(_knows_all, each.port, password), "the Sentinels know all")
        yield found


class Cluster:
    """Three primaries of a Cluster, and a replica of the first."""

    def __init__(self, servers: list[ValkeyServer]) -> None:
        self.servers = servers

    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{each.port}" for each in self.servers[:3])

    @property
    def nodes(self) -> list[dict[str, object]]:
        """Where to begin, as LiteLLM's setting has it."""
        return [{"host": "127.0.0.1", "port": str(each.port)} for each in self.servers[:3]]

    def settle(self) -> None:
        """Wait until the replica has all that the first primary has."""
        _wait_for_copy(self.servers[0].port, self.servers[3].port)


@contextmanager
def valkey_cluster() -> Iterator[Cluster]:
    """Run four servers; when the first one dies, its replica takes its place."""
    with ExitStack() as stack:
        buses = [free_port() for _ in range(4)]
        servers = [
            stack.enter_context(
                valkey_server(
                    None,
                    *_AT_ONCE,
                    *("--cluster-enabled", "yes", "--cluster-node-timeout", "2000"),
                    *("--cluster-port", str(bus)),
                )
            )
            for bus in buses
        ]
        first, second, third, replica = (each.port for each in servers)
        share = _SLOTS // 3
        for number, port in enumerate((first, second, third)):
            end = _SLOTS if number == 2 else (number + 1) * share
            _tell(port, "CLUSTER", "ADDSLOTSRANGE", number * share, end - 1)
        for each, bus in zip(servers[1:], buses[1:], strict=True):
            _tell(first, "CLUSTER", "MEET", "127.0.0.1", each.port, bus)
        name = _tell(first, "CLUSTER", "MYID").decode()
        _wait(lambda: _tried(replica, "CLUSTER", "REPLICATE", name), "it is a replica")
        _wait(partial(_link_is_up, replica), "the replica follows")
        for port in (first, second, third, replica):
            _wait(partial(_is_well, port), "the Cluster is well")
        yield Cluster(servers)


def primary_port(sentinel: int, password: str) -> int:
    """Ask a Sentinel for the port of the primary."""
    told = _tell(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE, password=password)
    return int(told[1])


def _tell(port: int, *command: object, password: str | None = None) -> Any:
    # RESP2 without the replies' own meaning: as the server writes them.
    with Redis(port=port, password=password, protocol=2, socket_timeout=30) as redis:
        redis.response_callbacks.clear()
        return cast("Any", redis).execute_command(*command)


def _tried(port: int, *command: object) -> bool:
    try:
        return bool(_tell(port, *command) == b"OK")
    except RedisError:
        return False


def _is_well(port: int) -> bool:
    told: bytes = _tell(port, "CLUSTER", "INFO")
    return b"cluster_state:ok" in told and b"cluster_known_nodes:4" in told


def _link_is_up(port: int) -> bool:
    told: bytes = _tell(port, "INFO", "replication")
    return b"master_link_status:up" in told


def _wait_for_copy(primary: int, replica: int) -> None:
    wanted = _offset(primary, b"master_repl_offset")
    _wait(lambda: _offset(replica, b"slave_repl_offset") >= wanted, "the replica has all")


def _offset(port: int, name: bytes) -> int:
    told: bytes = _tell(port, "INFO", "replication")
    (line,) = (line for line in told.splitlines() if line.startswith(name + b":"))
    return int(line.partition(b":")[2])


def _replica_of(port: int) -> tuple[str, ...]:
    return ("--replicaof", "127.0.0.1", str(port))


def _knows_all(sentinel: int, password: str) -> bool:
    told: bytes = _tell(sentinel, "INFO", "sentinel", password=password)
    return b"status=ok" in told and b"slaves=2,sentinels=3" in told


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENT_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.05)
