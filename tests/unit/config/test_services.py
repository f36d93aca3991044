import pytest
from tests.support.configs import node, variables

from hx_gateway.config.report import Report
from hx_gateway.config.services import Services
from hx_gateway.config.settings import Choices, choose
from hx_gateway.core.secret import Secret

URL = "postgresql://u:p@h:5432/db"


def read(text: str = "{}", **env: str) -> tuple[Choices, Services, Report]:
    report = Report()
    root, environment = node(text), variables(**env)
    choices, services = choose(root, environment, Report()), Services(root, environment, report)
    services.choose(choices)
    return choices, services, report


def value(choices: Choices, path: str) -> object:
    found = choices[path].value
    return found.reveal() if isinstance(found, Secret) else found


@pytest.mark.parametrize(
    ("text", "env", "url"),
    [
        ("{}", {"DATABASE_URL": "postgres://u:p@h:5432/db"}, URL),
        ("general_settings: {database_url: 'postgresql+asyncpg://u:p@h:5432/db'}", {}, URL),
        ("hx: {store: {url: 'sqlite:////var/x.db'}}", {}, "sqlite:////var/x.db"),
        (
            "{}",
            {
                "DATABASE_HOST": "h",
                "DATABASE_PORT": "5432",
                "DATABASE_USERNAME": "u",
                "DATABASE_PASSWORD": "p@/#",
                "DATABASE_NAME": "db",
            },
            "postgresql://u:p%40%2F%23@h:5432/db",
        ),
    ],
)
def test_the_database_may_be_named_in_several_ways(
    text: str, env: dict[str, str], url: str
) -> None:
    choices, _, report = read(text, **env)
    assert value(choices, "store.url") == url
    assert report.problems == []


def test_two_spellings_of_one_database_agree() -> None:
    _, _, report = read(
        "general_settings: {database_url: 'postgresql+psycopg://u:p@h:5432/db'}", DATABASE_URL=URL
    )
    assert report.problems == []


def test_two_databases_are_refused_by_name_and_without_their_urls() -> None:
    _, _, report = read(
        "general_settings: {database_url: 'postgresql://u:canary@h/db'}", DATABASE_URL=URL
    )
    assert "general_settings.database_url" in report.problems[0]
    assert "DATABASE_URL" in report.problems[0]
    assert "canary" not in report.problems[0]


def test_parameters_of_the_url_are_weaker_than_settings() -> None:
    choices, _, report = read(
        "hx: {store: {pool: 3}}",
        DATABASE_URL=URL + "?connection_limit=9&schema=app&pgbouncer=true&pool_timeout=1",
    )
    assert value(choices, "store.pool") == 3
    assert value(choices, "store.schema") == "app"
    assert value(choices, "store.prepared_statements") is False
    assert "pool_timeout" in report.warnings[0]


def test_litellms_switch_turns_prepared_statements_off() -> None:
    choices, _, _ = read(
        "general_settings: {database_disable_prepared_statements: true}", DATABASE_URL=URL
    )
    assert value(choices, "store.prepared_statements") is False


def test_redis_may_be_named_as_a_whole_or_in_parts() -> None:
    for env in ({"REDIS_URL": "redis://h"}, {"REDIS_HOST": "h"}):
        choices, _, report = read("router_settings: {redis_url: 'redis://h'}", **env)
        assert value(choices, "redis.url") == "redis://h:6379"
        assert report.problems == []


@pytest.mark.parametrize(
    ("text", "env", "url"),
    [
        (
            "litellm_settings: {cache_params: {type: redis, host: h}}",
            {"REDIS_HOST": "h", "REDIS_PORT": "6380", "REDIS_PASSWORD": "p"},
            "redis://:p@h:6380",
        ),
        (
            "router_settings: {redis_host: h, redis_port: 6381}",
            {"REDIS_PASSWORD": "p", "REDIS_PORT": "6380"},
            "redis://:p@h:6381",
        ),
        (
            "litellm_settings: {cache_params: {type: redis, host: h, ssl: false}}",
            {"REDIS_SSL": "true"},
            "redis://h:6379",
        ),
    ],
)
def test_the_environment_gives_the_parts_of_redis_that_the_file_does_not(
    text: str, env: dict[str, str], url: str
) -> None:
    """Symptom: a host in the file and REDIS_PASSWORD in the environment refused the start."""
    choices, _, report = read(text, **env)
    assert value(choices, "redis.url") == url
    assert report.problems == []


@pytest.mark.parametrize(
    "other", ["redis://h/0", "redis://h:6379/", "redis://default@h", "valkey://h"]
)
def test_spellings_of_one_redis_agree(other: str) -> None:
    _, _, report = read("litellm_settings: {cache_params: {url: redis://h:6379}}", REDIS_URL=other)
    assert report.problems == []


def test_how_a_database_is_talked_to_makes_it_no_other_one() -> None:
    """Symptom: DATABASE_URL with a parameter beside its own parts refused the start."""
    parts = {"HOST": "h", "USER": "u", "PASSWORD": "p", "NAME": "db"}
    choices, _, report = read(
        DATABASE_URL=URL + "?connection_limit=9", **{f"DATABASE_{k}": v for k, v in parts.items()}
    )
    assert report.problems == []
    assert value(choices, "store.pool") == 9


@pytest.mark.parametrize("other", ["redis://h/1", "rediss://h", "redis://:p@h", "redis://u@h"])
def test_another_redis_is_still_another_one(other: str) -> None:
    _, _, report = read("litellm_settings: {cache_params: {url: redis://h:6379}}", REDIS_URL=other)
    assert "differs from REDIS_URL" in report.problems[0]


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"REDIS_HOST": "<your host>"}, "REDIS_HOST: contains a space"),
        ({"REDIS_HOST": "h", "REDIS_PORT": "tcp"}, "REDIS_HOST: the port is not a number"),
        ({"DATABASE_URL": "postgresql://u:canary@h:<port>/db"}, "the port is not a number"),
        ({"DATABASE_URL": "postgresql://u:canary@a:1,[::1]:99999/db"}, "the port is not a number"),
        ({"DATABASE_URL": "mysql://h/db"}, "DATABASE_URL: mysql:// is not supported"),
        ({"DATABASE_URL": "postgresql://u:p#canary@h/db"}, "%23"),
        ({"DATABASE_HOST": "h"}, "DATABASE_NAME is not"),
        ({"REDIS_URL": "http://h"}, "REDIS_URL: http:// is not supported"),
        ({"REDIS_URL": "redis://a", "REDIS_HOST": "b"}, "REDIS_HOST: differs from REDIS_URL"),
        ({"REDIS_HOST": "h", "REDIS_SSL": "maybe"}, "REDIS_SSL: must be true or false"),
        ({"QDRANT_URL": "http://user:canary@h"}, "QDRANT_URL: must not contain a user"),
        (
            {"QDRANT_URL": "http://a:6333", "QDRANT_API_BASE": "http://b:6333"},
            "QDRANT_API_BASE: differs from QDRANT_URL",
        ),
    ],
)
def test_a_wrong_address_is_a_problem_that_keeps_its_secret(env: dict[str, str], says: str) -> None:
    _, _, report = read(**env)
    assert says in report.problems[0]
    assert "canary" not in report.problems[0]


def test_addresses_are_shown_without_passwords() -> None:
    choices, services, _ = read(
        DATABASE_URL="postgresql://u:canary@h/db",
        REDIS_URL="redis://:canary@r/0",
        QDRANT_URL="http://q:6333/",
    )
    assert services.shown == {
        "store.url": "postgresql://u:***@h:5432/db",
        "redis.url": "redis://:***@r:6379/0",
        "rag.qdrant_url": "http://q:6333",
    }
    assert value(choices, "rag.qdrant_url") == "http://q:6333"
