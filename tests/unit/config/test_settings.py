import pytest
from tests.support.configs import node, variables

from hx_gateway.config.report import Report
from hx_gateway.config.settings import choose, shown
from hx_gateway.core.secret import Secret


def chosen(path: str, text: str = "{}", **env: str) -> tuple[object, str, list[str]]:
    report = Report()
    found = choose(node(text), variables(**env), report)[path]
    return found.value, str(found.place), report.problems


def test_the_environment_wins_over_ours_over_litellms() -> None:
    text = "hx: {routing: {num_retries: 4}}\nrouter_settings: {num_retries: 3}\nlitellm_settings: {num_retries: 2}"
    path = "routing.num_retries"
    assert chosen(path, text, DEFAULT_MAX_RETRIES="5")[:2] == (5, "environment DEFAULT_MAX_RETRIES")
    assert chosen(path, text)[:2] == (4, "config.yaml:1")
    assert chosen(path, text.partition("\n")[2])[0] == 3
    assert chosen(path, "litellm_settings: {num_retries: 1}")[0] == 1
    assert chosen(path)[:2] == (2, "default")


@pytest.mark.parametrize(
    ("path", "text", "env", "value"),
    [
        ("server.port", "{}", {"PORT": "8080"}, 8080),
        ("server.docs", "{}", {"NO_DOCS": "True"}, False),
        ("server.docs", "{}", {"NO_DOCS": "false"}, True),
        ("server.max_body", "general_settings: {max_request_size_mb: 2}", {}, 2 * 1024 * 1024),
        ("server.max_body", "general_settings: {max_request_size_mb: 0.5}", {}, 512 * 1024),
        ("server.max_body", "hx: {server: {max_body: 4096}}", {}, 4096),
        (
            "server.cors_origins",
            "{}",
            {"LITELLM_CORS_ORIGINS": "https://a.test, https://b.test"},
            ("https://a.test", "https://b.test"),
        ),
        ("server.drain_timeout", "hx: {server: {drain_timeout: 2m}}", {}, 120.0),
        ("auth.master_key", "general_settings: {master_key: abc}", {}, Secret("abc")),
        ("auth.master_key", "{}", {"MASTER_KEY": "abc"}, Secret("abc")),
        ("auth.admin_keys", "{}", {"ADMIN_KEYS": "a,b"}, (Secret("a"), Secret("b"))),
        ("auth.admin_keys", "{}", {"RAG_WRITE_KEY": "a"}, (Secret("a"),)),
        (
            "auth.key_header",
            "general_settings: {litellm_key_header_name: X-My-Key}",
            {},
            b"x-my-key",
        ),
        ("rag.enabled", "{}", {"ENABLE_RAG": "false"}, False),
        ("rag.dimension", "{}", {"EMBEDDING_DIM": "0"}, 0),
        ("rag.collection", "{}", {"QDRANT_COLLECTION": "docs"}, "docs"),
        ("routing.default_group", "hx: {default_group: demo}", {}, "demo"),
        ("routing.default_group", "hx: {routing: {default_group: a}, default_group: b}", {}, "a"),
        ("routing.strategy", "router_settings: {routing_strategy: least-busy}", {}, "least-busy"),
        (
            "routing.strategy_args",
            "router_settings: {routing_strategy_args: {ttl: 60}}",
            {},
            {"ttl": 60.0},
        ),
        ("log.level", "{}", {"LITELLM_LOG": "debug"}, "DEBUG"),
    ],
)
def test_each_source_sets_its_option(
    path: str, text: str, env: dict[str, str], value: object
) -> None:
    assert chosen(path, text, **env)[0] == value
    assert chosen(path, text, **env)[2] == []


@pytest.mark.parametrize(
    ("text", "env", "says"),
    [
        ("{}", {"EMBEDDING_DIM": "abc"}, "EMBEDDING_DIM: must be a whole number"),
        ("{}", {"EMBEDDING_DIM": "-1"}, "EMBEDDING_DIM: must be at least 0"),
        ("{}", {"ENABLE_RAG": "maybe"}, "ENABLE_RAG: must be true or false"),
        ("{}", {"NO_DOCS": "maybe"}, "NO_DOCS: must be true or false"),
        ("{}", {"PORT": "70000"}, "PORT: must be at most 65535"),
        ("router_settings: {routing_strategy: fastest}", {}, "must be one of simple-shuffle"),
        ("hx:\n  rag:\n    timeout: soon", {}, "config.yaml:3: hx.rag.timeout: must be a number"),
        ("hx: {server: {max_body: true}}", {}, "hx.server.max_body: must be a whole number"),
    ],
)
def test_a_wrong_value_is_a_problem_with_its_place(
    text: str, env: dict[str, str], says: str
) -> None:
    problems = chosen("rag.timeout", text, **env)[2]
    assert len(problems) == 1
    assert says in problems[0]


@pytest.mark.parametrize(
    ("text", "env", "names"),
    [
        (
            "{}",
            {"HX_MASTER_KEY": "canary-1", "MASTER_KEY": "canary-2"},
            ["HX_MASTER_KEY", "MASTER_KEY"],
        ),
        (
            "general_settings: {master_key: canary-1}",
            {"LITELLM_MASTER_KEY": "canary-2"},
            ["general_settings.master_key", "LITELLM_MASTER_KEY"],
        ),
        ("{}", {"ADMIN_KEYS": "canary-1", "ADMIN_KEY": "canary-2"}, ["ADMIN_KEYS", "ADMIN_KEY"]),
    ],
)
def test_two_different_keys_are_refused_by_both_names(
    text: str, env: dict[str, str], names: list[str]
) -> None:
    problems = chosen("auth.master_key", text, **env)[2]
    assert len(problems) == 1
    assert all(name in problems[0] for name in names)
    assert "canary" not in problems[0]


def test_two_names_with_the_same_key_are_fine() -> None:
    assert chosen("auth.master_key", HX_MASTER_KEY="same", MASTER_KEY="same")[2] == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Secret("canary"), "***"),
        ((Secret("canary"), Secret("canary")), "***, ***"),
        (("a", "b"), "a, b"),
        (True, "true"),
        (b"x-key", "x-key"),
        (None, ""),
        ({"ttl": 1.0}, "ttl=1.0"),
        (5, "5"),
    ],
)
def test_values_are_shown_without_secrets(value: object, text: str) -> None:
    assert shown(value) == text


def test_a_limit_is_said_in_the_unit_that_was_written() -> None:
    text = "general_settings: {max_request_size_mb: 4096}"
    assert "max_request_size_mb: must be at most 2048;" in chosen("server.max_body", text)[2][0]
    assert chosen("server.max_body", text)[0] == 10 * 1024 * 1024
