"""Find the database, Redis and Qdrant among all the places that may name them."""

from collections.abc import Callable, Hashable
from typing import TypeVar

from hx_gateway.config.document import Node
from hx_gateway.config.dsn import Address, BrokenUrl, parse_database, same_database
from hx_gateway.config.environment import Environment
from hx_gateway.config.option import Option
from hx_gateway.config.options import OPTIONS
from hx_gateway.config.origin import parse_base_url
from hx_gateway.config.redis_parts import RedisParts
from hx_gateway.config.redis_url import parse_redis, same_redis
from hx_gateway.config.report import Report
from hx_gateway.config.settings import Candidate, Choices, candidates
from hx_gateway.core.secret import Secret

T = TypeVar("T")


class Services:
    """Reads the addresses; `shown` keeps each in a form for people, by option path."""

    def __init__(self, root: Node, environment: Environment, report: Report) -> None:
        """Keep the sources."""
        self._root = root
        self._environment = environment
        self._report = report
        self._redis_parts = RedisParts(root, environment, report)
        self.shown: dict[str, str] = {}

    def choose(self, choices: Choices) -> None:
        """Put the normalised addresses, and what their parameters say, into the choices."""
        self._database(choices)
        self._redis(choices)
        self._qdrant(choices)

    def _database(self, choices: Choices) -> None:
        found = self._agreed("store.url", self._database_parts(), parse_database, same_database)
        if found is None:
            return
        database, source = found
        self._put(choices, "store.url", database.address, source)
        for name in ("schema", "pool", "connect_timeout", "query_timeout", "sslmode"):
            value = getattr(database, name)
            if value is not None:
                choices.put_unless_set(f"store.{name}", value, source.place)
        if database.prepared_statements is not None:
            path = "store.prepared_statements"
            choices.put_unless_set(path, database.prepared_statements, source.place)
        for note in database.notes:
            self._report.warning(source.place, source.name, note)
        off = self._root.find("general_settings.database_disable_prepared_statements")
        if off is not None and off.value is True:
            choices.put_unless_set("store.prepared_statements", value=False, place=off.place)

    def _redis(self, choices: Choices) -> None:
        found = self._agreed("redis.url", self._redis_parts.addresses(), parse_redis, same_redis)
        if found is not None:
            self._put(choices, "redis.url", *found)

    def _qdrant(self, choices: Choices) -> None:
        found = self._agreed("rag.qdrant_url", [], _read_http)
        if found is not None:
            self._put(choices, "rag.qdrant_url", *found)

    def _put(self, choices: Choices, path: str, address: Address, source: Candidate) -> None:
        choices.put(path, Secret(address.text()), source.place)
        self.shown[path] = address.safe()

    def _agreed(
        self,
        path: str,
        parts: list[Candidate],
        read: Callable[[str], T],
        same: Callable[[T], Hashable] = lambda value: value,
    ) -> tuple[T, Candidate] | None:
        """Read all sources; those that name different addresses are problems.

        `same` gives what is equal for two spellings of one address.
        """
        option = _option(path)
        found: list[tuple[T, Candidate]] = []
        for source in [*candidates(option, self._root, self._environment), *parts]:
            try:
                found.append((read(str(source.value).strip()), source))
            except BrokenUrl as error:
                self._report.problem(source.place, source.name, str(error))
        for value, source in found[1:]:
            if same(value) != same(found[0][0]):
                first = found[0][1]
                text = f"differs from {first.name} ({first.place}); keep only one of the two"
                self._report.problem(source.place, source.name, text)
        return found[0] if found else None

    def _database_parts(self) -> list[Candidate]:
        host = self._environment.get("DATABASE_HOST")
        if host is None:
            return []
        name = self._environment.text("DATABASE_NAME")
        if name is None:
            text = "is set, but DATABASE_NAME is not; set it, or DATABASE_URL alone"
            self._report.problem(host.place, "DATABASE_HOST", text)
            return []
        address = Address(
            scheme="postgresql",
            user=self._environment.text("DATABASE_USERNAME")
            or self._environment.text("DATABASE_USER"),
            password=self._environment.text("DATABASE_PASSWORD"),
            hosts=_host_port(host.value, self._environment.text("DATABASE_PORT")),
            path=f"/{name}",
        )
        return [Candidate(address.text(), host.place, "DATABASE_HOST")]


def _option(path: str) -> Option:
    return next(option for option in OPTIONS if option.path == path)


def _host_port(host: str, port: str | None) -> str:
    return f"{host}:{port}" if port else host


def _read_http(text: str) -> Address:
    try:
        origin, path = parse_base_url(text)
    except ValueError as error:
        raise BrokenUrl(str(error)) from None
    return Address(scheme=origin.scheme, hosts=origin.authority, path=path)
