"""Normalise database URLs: one address, whatever dialect it was written in.

Pure text work. No message repeats a password; `safe` gives a URL that may be shown.
"""

import re
from urllib.parse import parse_qsl, quote, unquote, urlencode

import msgspec

POSTGRES = frozenset({"postgres", "postgresql"})
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9.-]*)(?:\+[A-Za-z0-9_]+)?://")
_ENCODED = {
    "@": "%40",
    "/": "%2F",
    "#": "%23",
    "?": "%3F",
    "%": "%25",
    " ": "%20",
    "[": "%5B",
    "]": "%5D",
}
# Parameters that PostgreSQL's own clients understand, and that are passed on.
_KEPT = frozenset({"application_name", "options", "host", "port", "target_session_attrs"})
# Parameters of Prisma and libpq that become settings of ours.
_READ = frozenset(
    {
        "schema",
        "connection_limit",
        "connect_timeout",
        "socket_timeout",
        "pgbouncer",
        "statement_cache_size",
        "sslmode",
        "sslaccept",
    }
)
_MAX_PORT = 65535
SSLMODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


class BrokenUrl(ValueError):
    """A URL that cannot be understood; the text says why and what to write, without the value."""


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a URL. `scheme` without a driver suffix; user and password are decoded."""

    scheme: str
    user: str | None = None
    password: str | None = None
    hosts: str = ""
    path: str = ""
    query: tuple[tuple[str, str], ...] = ()

    def text(self) -> str:
        """Write it in its normal form."""
        return f"{self.scheme}://{self._login()}{self.hosts}{self.path}{self._query()}"

    def safe(self) -> str:
        """Write it for people: the password masked, and no parameters (they may hold secrets)."""
        hidden = "***" if self.password is not None else None
        shown = msgspec.structs.replace(self, password=hidden, query=())
        return shown.text().replace(quote("***"), "***")

    def _login(self) -> str:
        if self.user is None and self.password is None:
            return ""
        after = "" if self.password is None else f":{_code(self.password)}"
        return f"{_code(self.user or '')}{after}@"

    def _query(self) -> str:
        return "?" + urlencode(self.query, quote_via=quote) if self.query else ""


class Database(msgspec.Struct, frozen=True, kw_only=True):
    """A database as it was addressed: the plain URL, and what its parameters said.

    None means that the URL does not say. `notes` name parameters without an effect.
    """

    address: Address
    schema: str | None = None
    pool: int | None = None
    connect_timeout: float | None = None
    query_timeout: float | None = None
    prepared_statements: bool | None = None
    sslmode: str | None = None
    notes: tuple[str, ...] = ()


def parse_database(text: str) -> Database:
    """Read a database URL: PostgreSQL in any dialect, or `sqlite:///file`; raises BrokenUrl."""
    if text.startswith("sqlite"):
        return Database(address=_sqlite(text))
    address = parse_address(text, what="database")
    if address.scheme not in POSTGRES:
        raise BrokenUrl(
            f"{address.scheme}:// is not supported; write postgresql:// or sqlite:///file"
        )
    if not address.path.strip("/"):
        raise BrokenUrl("the name of the database is missing; write …host:5432/NAME")
    hosts = with_port(address.hosts, 5432)
    return _postgres(msgspec.structs.replace(address, scheme="postgresql", hosts=hosts))


def same_database(database: Database) -> Address:
    """Give what two spellings of one database have in common: not how it is talked to."""
    return msgspec.structs.replace(database.address, query=())


def parse_address(text: str, *, what: str) -> Address:
    """Split a URL, and say which character of a password breaks it; raises BrokenUrl."""
    found = _SCHEME.match(text)
    if found is None:
        raise BrokenUrl(f"is not a {what} URL; it must start with a scheme such as postgresql://")
    rest = text[found.end() :]
    authority, after = _split(rest)
    _diagnose(rest, authority, after)
    login, _, hosts = authority.rpartition("@")
    user, colon, password = login.partition(":")
    path, _, query = after.partition("?")
    return Address(
        scheme=found[1].lower(),
        user=unquote(user) if login else None,
        password=unquote(password) if colon else None,
        hosts=hosts,
        path=path,
        query=tuple(parse_qsl(query, keep_blank_values=True)),
    )


def _split(rest: str) -> tuple[str, str]:
    cut = re.search(r"[/?#]", rest)
    return (rest[: cut.start()], rest[cut.start() :]) if cut else (rest, "")


def _diagnose(rest: str, authority: str, after: str) -> None:
    if "@" not in authority and "@" in after and _ends_in_login(authority, after):
        raise _unencoded(after[0])
    if authority.count("@") > 1:
        raise _unencoded("@")
    if "#" in after:
        raise BrokenUrl("contains a # (nothing may follow it); write %23 if it belongs to a name")
    login, _, hosts = authority.rpartition("@")
    bad_percent = re.search(r"%(?![0-9A-Fa-f]{2})", rest)
    if bad_percent:
        raise _unencoded("%")
    if bad := re.search(r"[\[\]]", login):
        raise _unencoded(bad[0])
    if re.search(r"\s", login):
        raise _unencoded(" ")
    if re.search(r"\s", hosts + after):
        raise BrokenUrl("contains a space; remove it")
    _diagnose_hosts(hosts)


def _diagnose_hosts(hosts: str) -> None:
    """Find what the driver would fail at, each time it connects."""
    for host in hosts.split(","):
        _, colon, port = host.rpartition("]")[2].rpartition(":")
        if colon and port and not (port.isdecimal() and int(port) <= _MAX_PORT):
            raise BrokenUrl("the port is not a number; write …host:5432/…")


def _ends_in_login(authority: str, after: str) -> bool:
    """Say whether a `/`, `?` or `#` cut the URL inside `user:password@`."""
    port = authority.rpartition(":")[2]
    looks_like_port = ":" not in authority or authority.endswith("]") or port.isdecimal()
    return not looks_like_port or "@" in after.partition("?")[0]


def _unencoded(char: str) -> BrokenUrl:
    name = "a space" if char == " " else f"the character {char}"
    return BrokenUrl(
        f"{name} in the user name or password breaks the URL; write {_ENCODED[char]} instead of it"
    )


def _sqlite(text: str) -> Address:
    found = re.fullmatch(r"sqlite(?:\+[a-z0-9_]+)?://(/[^?#]+)(?:\?.*)?", text)
    if found is None:
        raise BrokenUrl("write sqlite:///relative/file or sqlite:////absolute/file")
    return Address(scheme="sqlite", path=found[1])


def _postgres(address: Address) -> Database:
    told = dict(address.query)
    notes = [
        f"parameter {name} has no effect here"
        for name in told
        if name not in _KEPT and name not in _READ
    ]
    kept = tuple((name, value) for name, value in address.query if name in _KEPT)
    return Database(
        address=msgspec.structs.replace(address, query=kept),
        schema=told.get("schema") or None,
        pool=_whole(told, "connection_limit"),
        connect_timeout=_seconds(told, "connect_timeout"),
        query_timeout=_seconds(told, "socket_timeout"),
        prepared_statements=_prepared(told),
        sslmode=_sslmode(told),
        notes=tuple(notes),
    )


def with_port(hosts: str, default: int) -> str:
    """Write the port out, so that two spellings of one address are equal."""
    return ",".join(
        host if not host or re.search(r":\d*\Z", host) else f"{host}:{default}"
        for host in hosts.split(",")
    )


def _whole(told: dict[str, str], name: str) -> int | None:
    if name not in told:
        return None
    if not told[name].isdecimal():
        raise BrokenUrl(f"parameter {name} must be a whole number")
    return int(told[name])


def _seconds(told: dict[str, str], name: str) -> float | None:
    number = _whole(told, name)
    return float(number) if number else None  # Prisma: 0 means no limit; ours stays bounded


def _prepared(told: dict[str, str]) -> bool | None:
    if told.get("pgbouncer", "").lower() == "true" or told.get("statement_cache_size") == "0":
        return False
    return None


def _sslmode(told: dict[str, str]) -> str | None:
    """Read `sslmode`; Prisma's `sslaccept=strict` asks for a verified certificate as well."""
    mode = told.get("sslmode")
    if mode is not None and mode not in SSLMODES:
        raise BrokenUrl(f"parameter sslmode must be one of {', '.join(SSLMODES)}")
    if told.get("sslaccept") == "strict" and mode in {None, "prefer", "require"}:
        return "verify-full"
    return mode


def _code(text: str) -> str:
    return quote(text, safe="")
