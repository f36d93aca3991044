import stat
from pathlib import Path

import pytest
from tests.support.configs import MASTER_KEY, check

from hx_gateway.config import load_snapshot
from hx_gateway.core.errors import ConfigError
from hx_gateway.core.secret import Secret

MODEL = "model_list:\n- model_name: m\n  litellm_params: {model: openai/x, api_key: k}\n"


@pytest.mark.parametrize("name", ["CONFIG_FILE_PATH", "LITELLM_CONFIG"])
def test_a_variable_may_name_the_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(MODEL)
    result = check(tmp_path, environ={name: str(path)})
    assert result.snapshot is not None
    assert "m" in result.snapshot.routes
    assert result.snapshot.sources == (path,)


@pytest.mark.parametrize("name", ["CONFIG_FILE_PATH", "LITELLM_CONFIG"])
def test_a_missing_file_names_the_path_and_who_named_it(tmp_path: Path, name: str) -> None:
    result = check(tmp_path, environ={name: f"{tmp_path}/gone.yaml"})
    assert result.problems == (
        f"environment {name}: file not found: {tmp_path}/gone.yaml; create it or correct the path",
    )


def test_the_argument_wins_over_the_variables(tmp_path: Path) -> None:
    result = check(tmp_path, MODEL, {"CONFIG_FILE_PATH": f"{tmp_path}/gone.yaml"})
    assert result.problems == ()


def test_all_problems_come_at_once_each_with_its_place(tmp_path: Path) -> None:
    text = MODEL + (
        "- model_name: n\n  litellm_params: {model: openai/x, rpm: lots}\n"
        "general_settings:\n  master_key: ${KEY}\n  database_url: os.environ/UNSET\n"
        "router_settings: {routing_strategy: fastest}\nhx: {rag: {colection: x}}\n"
    )
    result = check(tmp_path, text, {"REDIS_URL": "http://x", "LITELLM_MASTER_KEY": "sk-1234"})
    assert result.snapshot is None
    found = "\n".join(result.problems)
    for part in [
        "yaml:5:",
        "yaml:7: general_settings.master_key",
        "yaml:8: general_settings.database_url",
        "yaml:9: router_settings",
        "yaml:10: hx.rag.colection",
        "REDIS_URL",
        "LITELLM_MASTER_KEY",
    ]:
        assert part in found, part
    assert all(": " in problem for problem in result.problems)


@pytest.mark.parametrize("strict", [False, True])
def test_unknown_keys_warn_and_refuse_only_under_strict(tmp_path: Path, strict: bool) -> None:
    environ = {"DATABASE_URL": "postgresql://h/db", "REDIS_URL": "redis://h"}
    result = check(tmp_path, MODEL + "modle_list: []\n", environ, strict=strict)
    assert (result.snapshot is None) is strict
    assert any("modle_list" in line for line in result.unread)
    assert any("modle_list" in line for line in result.problems) is strict
    if result.snapshot:
        assert any("modle_list" in line for line in result.snapshot.warnings)


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
def test_a_missing_service_warns_and_refuses_only_under_strict(tmp_path: Path, name: str) -> None:
    relaxed, strict = check(tmp_path, MODEL), check(tmp_path, MODEL, strict=True)
    assert any(name in line for line in relaxed.warnings)
    assert relaxed.snapshot is not None
    assert any(name in line for line in strict.problems)
    assert strict.snapshot is None


def test_an_env_file_gives_passwords_literally_to_the_configuration(tmp_path: Path) -> None:
    env = tmp_path / "gateway.env"
    env.write_text("DATABASE_URL=postgresql+psycopg://u:p!w$X@h/db\nUPSTREAM='k$e#y \"%\\'\n")
    env.chmod(0o600)
    text = MODEL.replace("api_key: k", "api_key: os.environ/UPSTREAM")
    snapshot = check(
        tmp_path, text, {"DATABASE_URL": "postgresql://other/db"}, env_file=env, strict=False
    ).snapshot
    assert snapshot is not None
    assert snapshot.store.url == Secret("postgresql://u:p%21w%24X@h:5432/db")
    assert snapshot.routes["m"].deployments[0].credential == Secret('k$e#y "%\\')
    assert snapshot.sources[-1] == env


def test_variables_of_the_configuration_win_and_may_name_others(tmp_path: Path) -> None:
    text = MODEL.replace("api_key: k", "api_key: os.environ/B") + (
        "environment_variables: {B: os.environ/A, EMBEDDING_DIM: 384, ENABLE_RAG: false}\n"
    )
    snapshot = check(
        tmp_path, text, {"A": "from-a", "B": "from-process", "EMBEDDING_DIM": "1"}
    ).snapshot
    assert snapshot is not None
    assert snapshot.routes["m"].deployments[0].credential == Secret("from-a")
    assert (snapshot.rag.dimension, snapshot.rag.enabled) == (384, False)


def test_a_placeholder_among_the_variables_is_reported_once(tmp_path: Path) -> None:
    result = check(tmp_path, MODEL + "environment_variables:\n  B: os.environ/UNSET\n")
    assert [line.partition(": ")[2] for line in result.problems] == [
        "environment_variables.B: the variable UNSET is not set; set it, or write the value here"
    ]


@pytest.mark.parametrize("text", ["- a\n", "a: [\n", "model_list: {a: 1}\n", "\tx"])
def test_a_file_of_the_wrong_shape_is_a_problem_with_a_line(tmp_path: Path, text: str) -> None:
    result = check(tmp_path, text)
    assert result.snapshot is None
    assert f"{tmp_path}/config.yaml:" in result.problems[0]


LITELLM = """
model_list:
  - model_name: chat
    litellm_params:
      model: openai/gpt-4o
      api_key: os.environ/OPENAI_API_KEY
      rpm: 100
      weight: 2
    model_info: {id: first, access_groups: [beta]}
  - model_name: chat
    litellm_params: {model: ollama_chat/llama3.1, api_base: "http://node:11434", order: 2, num_ctx: 8192}
  - model_name: sage-chat
    litellm_params: {model: sagemaker/my-endpoint}
  - model_name: embed
    litellm_params: {model: text-embedding-3-small, litellm_credential_name: main}
  - model_name: "openai/*"
    litellm_params: {model: "openai/*", litellm_credential_name: main}
credential_list:
  - credential_name: main
    credential_values: {api_key: os.environ/OPENAI_API_KEY}
    credential_info: {description: the one}
environment_variables: {OPENAI_API_KEY: from-the-file}
litellm_settings:
  drop_params: true
  set_verbose: false
  request_timeout: 60
  num_retries: 3
  callbacks: [prometheus, langfuse]
  cache: true
  cache_params: {type: redis, host: cache, port: 6379, password: os.environ/REDIS_PASSWORD}
  fallbacks: [{chat: [openai/gpt-4o-mini]}]
router_settings:
  routing_strategy: usage-based-routing-v2
  routing_strategy_args: {ttl: 10}
  model_group_alias: {default: chat, hidden: {model: chat, hidden: true}}
  redis_host: cache
  redis_port: 6379
  redis_password: os.environ/REDIS_PASSWORD
  allowed_fails: 2
  cooldown_time: 30
  enable_pre_call_checks: true
general_settings:
  master_key: os.environ/LITELLM_MASTER_KEY
  database_url: os.environ/DATABASE_URL
  database_connection_pool_limit: 20
  store_model_in_db: true
  alerting: [slack]
"""


def test_a_configuration_of_litellm_is_read_as_it_is(tmp_path: Path) -> None:
    environ = {"REDIS_PASSWORD": "p!w", "DATABASE_URL": "postgres://u:p@h/db?schema=app"}
    result = check(tmp_path, LITELLM, environ)
    made = result.snapshot
    assert made is not None, result.problems
    assert [line.split(": ")[1] for line in result.unread] == ["model_list[2].litellm_params.model"]
    assert {line.split(": ")[1] for line in result.warnings} == {
        "litellm_settings.callbacks",
        "general_settings.store_model_in_db",
        "general_settings.alerting",
    }
    assert list(made.routes) == ["chat", "embed"]
    assert made.hidden_aliases == {"hidden"}
    assert made.aliases == {"default": "chat", "hidden": "chat"}
    first, second = made.routes["chat"].deployments
    assert (first.id, first.rpm, first.weight, first.credential) == (
        "first",
        100,
        2.0,
        Secret("from-the-file"),
    )
    assert (second.provider.name, second.order, bytes(second.defaults["num_ctx"])) == (
        "ollama",
        2,
        b"8192",
    )
    assert made.routes["chat"].fallbacks == ("openai/gpt-4o-mini",)
    assert made.routes["chat"].strategy == made.routing.strategy == "usage-based-routing-v2"
    assert (made.routing.num_retries, made.routing.allowed_fails, made.routing.cooldown_s) == (
        3,
        2,
        30.0,
    )
    assert made.routing.pre_call_checks
    assert made.rag.embedding_model == "embed"
    assert made.redis.url == Secret("redis://:p%21w@cache:6379")
    assert made.store.url == Secret("postgresql://u:p@h:5432/db")
    assert (made.store.schema, made.store.pool) == ("app", 20)


def test_an_empty_mapping_serves_the_embedded_defaults(tmp_path: Path) -> None:
    result = check(tmp_path, "{}")
    assert result.snapshot is not None
    assert "demo" in result.snapshot.routes


def test_loading_raises_all_problems_or_gives_the_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(MODEL + "hx: {bad: 1, worse: 2}\n")
    environ = {"HX_STATE_DIR": str(tmp_path), "LITELLM_MASTER_KEY": MASTER_KEY}
    with pytest.raises(ConfigError) as caught:
        load_snapshot(path, None, environ=environ)
    assert len(caught.value.problems) == 2
    path.write_text(MODEL)
    snapshot = load_snapshot(path, None, environ=environ, generation=7)
    assert snapshot.generation == 7
    assert snapshot.auth.master_key == Secret(MASTER_KEY)
    assert not snapshot.auth.master_key_generated


def test_a_first_start_without_anything_has_a_key_and_models(tmp_path: Path) -> None:
    snapshot = load_snapshot(None, None, environ={"HX_STATE_DIR": str(tmp_path / "s")})
    assert snapshot.auth.master_key_generated
    assert stat.S_IMODE((tmp_path / "s" / "master_key").stat().st_mode) == 0o600
    assert snapshot.routing.default_group == "demo"
    again = load_snapshot(None, None, environ={"HX_STATE_DIR": str(tmp_path / "s")})
    assert again.auth.master_key == snapshot.auth.master_key
    assert again.digest == snapshot.digest


def test_the_package_offers_only_the_loader() -> None:
    import hx_gateway.config

    with pytest.raises(AttributeError):
        hx_gateway.config.nothing  # noqa: B018


def test_variables_of_what_is_not_supported_need_not_be_set(tmp_path: Path) -> None:
    """Symptom: keys of a vendor that is left out refused the start when they were not set."""
    text = (
        MODEL.replace("api_key: k", "api_key: k, aws_secret_access_key: os.environ/UNSET")
        + "guardrails: [{api_key: os.environ/UNSET}]\n"
    )
    assert check(tmp_path, text).problems == ()
    unset = check(tmp_path, MODEL.replace("api_key: k", "api_key: os.environ/UNSET"))
    assert len(unset.problems) == 1


def test_a_model_that_is_left_out_needs_no_variable(tmp_path: Path) -> None:
    """Symptom: one model of a vendor that is not supported refused the start without its key."""
    other = "- model_name: n\n  litellm_params: {model: nobody/x, api_key: os.environ/UNSET}\n"
    result = check(tmp_path, MODEL + other)
    assert result.problems == ()
    assert "is not supported (yet), so it is left out" in result.unread[0]
    assert len(check(tmp_path, MODEL + other.replace("nobody", "openai")).problems) == 1
