import pytest
from tests.support.configs import variables

from hx_gateway.config.report import Report
from hx_gateway.config.variables import flag, seconds, warn_of_variables


def warned(**env: str) -> list[str]:
    report = Report()
    warn_of_variables(variables(**env), report)
    assert report.problems == report.unread == []
    return report.warnings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVER_ROOT_PATH", "/llm"),
        ("IAM_TOKEN_DB_AUTH", "True"),
        ("DISABLE_ADMIN_ENDPOINTS", "true"),
        ("SSL_VERIFY", "False"),
        ("SSL_VERIFY", "/etc/ca.pem"),
    ],
)
def test_what_has_no_effect_here_is_named(name: str, value: str) -> None:
    text = "known to LiteLLM, but not supported yet: it has no effect"
    assert warned(**{name: value}) == [f"environment {name}: {text}"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STORE_MODEL_IN_DB", "False"),
        ("IAM_TOKEN_DB_AUTH", "0"),
        ("SSL_VERIFY", "True"),
        ("UI_PASSWORD", ""),
        ("LITELLM_SALT_KEY", "canary"),
    ],
)
def test_what_asks_for_nothing_is_not_named(name: str, value: str) -> None:
    assert warned(**{name: value}) == []


def test_what_there_is_instead_is_said_and_no_value() -> None:
    found = warned(NUM_WORKERS="4", STORE_MODEL_IN_DB="True", UI_PASSWORD="canary")
    assert any("start with --workers" in line for line in found)
    assert any("models are read from the file only" in line for line in found)
    assert "canary" not in "".join(found)


def test_settings_by_variable_are_read_and_wrong_ones_are_problems() -> None:
    report = Report()
    env = variables(A="True", B="2.5", C="canary", D="0")
    assert flag("A", env, report)
    assert seconds("B", env, report) == 2.5
    assert not flag("UNSET", env, report)
    assert seconds("D", env, report) is None
    assert report.problems == []
    assert not flag("C", env, report)
    assert seconds("C", env, report) is None
    assert [line.partition(";")[0] for line in report.problems] == [
        "environment C: must be true or false",
        "environment C: must be a number, or a time such as 30s, 5m or 1h",
    ]
