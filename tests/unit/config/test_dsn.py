import pytest

from hx_gateway.config.dsn import BrokenUrl, parse_address, parse_database

PLAIN = "postgresql://u:p%21w@db.example:5432/hx"


@pytest.mark.parametrize(
    "scheme",
    ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2", "postgresql+asyncpg"],
)
def test_every_dialect_of_a_database_url_is_the_same_database(scheme: str) -> None:
    assert parse_database(f"{scheme}://u:p!w@db.example:5432/hx").address.text() == PLAIN


def test_parameters_of_prisma_become_settings_or_notes() -> None:
    database = parse_database(
        PLAIN + "?schema=app&connection_limit=7&pool_timeout=3&connect_timeout=4&socket_timeout=9"
        "&pgbouncer=true&sslmode=require&sslaccept=strict&application_name=hx&sslidentity=x"
    )
    assert database.address.text() == PLAIN + "?application_name=hx"
    assert (database.schema, database.pool) == ("app", 7)
    assert (database.connect_timeout, database.query_timeout) == (4.0, 9.0)
    assert database.prepared_statements is False
    assert database.sslmode == "verify-full"
    assert [note.split()[1] for note in database.notes] == ["pool_timeout", "sslidentity"]


@pytest.mark.parametrize("parameter", ["statement_cache_size=0", "pgbouncer=true"])
def test_a_transaction_pooler_switches_prepared_statements_off(parameter: str) -> None:
    assert parse_database(f"{PLAIN}?{parameter}").prepared_statements is False
    assert parse_database(PLAIN).prepared_statements is None


@pytest.mark.parametrize(
    ("password", "char", "encoded"),
    [
        ("p@w", "@", "%40"),
        ("p/w", "/", "%2F"),
        ("p#w", "#", "%23"),
        ("p?w", "?", "%3F"),
        ("p%w", "%", "%25"),
        ("p%zz", "%", "%25"),
        ("p w", "space", "%20"),
        ("p[w", "[", "%5B"),
        ("12/34", "/", "%2F"),
    ],
)
def test_a_password_that_breaks_the_url_is_diagnosed(
    password: str, char: str, encoded: str
) -> None:
    with pytest.raises(BrokenUrl) as caught:
        parse_database(f"postgresql://user:{password}@db.example:5432/hx")
    assert char in str(caught.value)
    assert encoded in str(caught.value)
    assert password not in str(caught.value)
    fixed = password.replace("%", "%25")
    for plain, code in (
        ("@", "%40"),
        ("/", "%2F"),
        ("#", "%23"),
        ("?", "%3F"),
        (" ", "%20"),
        ("[", "%5B"),
    ):
        fixed = fixed.replace(plain, code)
    assert parse_database(f"postgresql://user:{fixed}@h/hx").address.password == password


@pytest.mark.parametrize("password", ["p!w", "a$b", "a&b", "it's", "a:b", "a\\b", 'a"b', "%41"])
def test_harmless_characters_of_a_password_need_no_encoding(password: str) -> None:
    address = parse_database(f"postgresql://u:{password}@h/hx").address
    assert address.password == password.replace("%41", "A")
    assert parse_address(address.text(), what="database") == address


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("postgresql://localhost/hx", "postgresql://localhost:5432/hx"),
        ("postgresql://[::1]/hx", "postgresql://[::1]:5432/hx"),
        ("postgresql://u@[::1]:5433/hx", "postgresql://u@[::1]:5433/hx"),
        ("postgresql://h1:1,h2:2/hx", "postgresql://h1:1,h2:2/hx"),
        ("postgresql://u:@/hx?host=/run/pg", "postgresql://u:@/hx?host=%2Frun%2Fpg"),
        (
            "postgresql://h:5432/hx?options=-c%20a%3Db%40c",
            "postgresql://h:5432/hx?options=-c%20a%3Db%40c",
        ),
        ("sqlite:///data.db", "sqlite:///data.db"),
        ("sqlite+aiosqlite:////var/data.db", "sqlite:////var/data.db"),
    ],
)
def test_a_good_database_url_is_kept(url: str, text: str) -> None:
    assert parse_database(url).address.text() == text


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:p@h/db",
        "db.example:5432",
        "",
        "sqlite://",
        "postgresql://h:5432",
        "postgresql://u:p@h/db#x",
        "postgresql://h/db?connection_limit=many",
        "postgresql://h/db?sslmode=maybe",
    ],
)
def test_what_is_no_usable_database_url_is_refused(url: str) -> None:
    with pytest.raises(BrokenUrl):
        parse_database(url)


def test_the_shown_form_has_no_password_and_no_parameters() -> None:
    address = parse_database("postgresql://u:canary@h/hx?options=canary").address
    assert address.safe() == "postgresql://u:***@h:5432/hx"
