from pathlib import Path

import pytest
from tests.support.configs import check

from hx_gateway.config.embedded import Found
from hx_gateway.core.snapshot import LocalSettings, Snapshot

MODELS = """
model_list:
- model_name: chat
  litellm_params: {model: openai/gpt-4o, api_key: k}
- model_name: vectors
  litellm_params: {model: openai/text-embedding-3-small, api_key: k}
"""


def snapshot(
    folder: Path,
    text: str | None = None,
    environ: dict[str, str] | None = None,
    found: Found | None = None,
) -> Snapshot:
    result = check(folder, text, environ, found=found)
    assert result.problems == ()
    assert result.snapshot is not None
    return result.snapshot


def test_embedded_defaults_offer_what_was_found(tmp_path: Path) -> None:
    found = Found(
        chat=True,
        embedding=True,
        vectors=True,
        nodes={"ollama": {"http://localhost:11434": ("llama3",)}},
    )
    made = snapshot(tmp_path, None, {"ANTHROPIC_API_KEY": "", "OPENAI_API_KEY": "k"}, found)
    assert list(made.routes) == ["demo", "ollama/llama3", "local/all-MiniLM-L6-v2-int8"]
    assert [route.name for route in made.wildcards] == ["openai/*", "ollama/*"]
    assert made.aliases == {"embedding": "local/all-MiniLM-L6-v2-int8"}
    assert made.rag.embedding_model == "local/all-MiniLM-L6-v2-int8"
    assert made.local == LocalSettings(chat=True, embedding=True, vectors=True)


def test_without_local_parts_the_scripted_model_answers_and_says_so(tmp_path: Path) -> None:
    made = snapshot(tmp_path, None, None, Found())
    deployment = made.routes["demo"].deployments[0]
    assert (deployment.provider.name, deployment.model) == ("demo", "scripted")
    assert made.local == LocalSettings(scripted=True, vectors=False)
    assert made.rag.embedding_model is None
    assert any("scripted" in line for line in made.warnings)
    assert any("vector engine" in line for line in made.warnings)


def test_listed_models_are_all_there_is_beside_the_local_embedding(tmp_path: Path) -> None:
    text = "model_list: [{model_name: chat, litellm_params: {model: openai/gpt-4o, api_key: k}}]"
    made = snapshot(tmp_path, text, {"GROQ_API_KEY": "k"})
    assert list(made.routes) == ["chat", "local/all-MiniLM-L6-v2-int8"]
    assert made.wildcards == ()
    assert made.routing.default_group is None


@pytest.mark.parametrize(
    ("environ", "model"),
    [
        ({}, "vectors"),
        ({"EMBEDDING_MODEL": "chat"}, "chat"),
        ({"EMBEDDING_MODEL": "local/all-MiniLM-L6-v2-int8"}, "local/all-MiniLM-L6-v2-int8"),
    ],
)
def test_document_search_embeds_with_the_named_or_the_first_embedding_model(
    tmp_path: Path, environ: dict[str, str], model: str
) -> None:
    made = snapshot(tmp_path, MODELS, environ)
    assert made.rag.embedding_model == model
    assert made.local.embedding is model.startswith("local/")


@pytest.mark.parametrize(
    ("text", "environ", "says"),
    [
        (MODELS, {"EMBEDDING_MODEL": "gone"}, "rag.embedding_model: 'gone' is no configured model"),
        (
            MODELS + "hx: {default_group: gone}",
            {},
            "routing.default_group: 'gone' is no configured model",
        ),
        (MODELS + "credential_list: [{credential_name: x}]", {}, "credential_values are needed"),
        (MODELS, {"SSL_KEYFILE_PATH": "/key.pem"}, "tls_cert and tls_key belong together"),
        (MODELS + "router_settings: {timeout: 0}", {}, "router_settings.timeout: must be at least"),
    ],
)
def test_settings_that_name_nothing_are_problems(
    tmp_path: Path, text: str, environ: dict[str, str], says: str
) -> None:
    assert any(says in line for line in check(tmp_path, text, environ).problems)


def test_vectors_are_embedded_only_without_a_server(tmp_path: Path) -> None:
    assert snapshot(tmp_path, MODELS).local.vectors
    assert not snapshot(tmp_path, MODELS, {"QDRANT_URL": "http://q:6333"}).local.vectors
    assert not snapshot(tmp_path, MODELS, {"ENABLE_RAG": "0"}).local.vectors


def test_without_document_search_no_embedding_model_is_needed(tmp_path: Path) -> None:
    text = "model_list: [{model_name: chat, litellm_params: {model: openai/gpt-4o, api_key: k}}]"
    made = snapshot(tmp_path, text, {"ENABLE_RAG": "false", "EMBEDDING_MODEL": "gone"})
    assert list(made.routes) == ["chat"]
    assert made.local == LocalSettings()


def test_servers_of_ones_own_are_offered_without_listing_models(tmp_path: Path) -> None:
    found = Found(nodes={"ollama": {"http://a:1": ("x",), "http://elsewhere:1": ("y",)}})
    made = snapshot(tmp_path, MODELS + "hx: {ollama: ['http://a:1/', 'http://b:1']}", None, found)
    assert list(made.routes) == ["chat", "vectors", "ollama/x"]
    assert [d.origin.host for d in made.wildcards[0].deployments] == ["a", "b"]


def test_credentials_of_the_list_and_switches_take_effect(tmp_path: Path) -> None:
    text = """
model_list:
- model_name: chat
  litellm_params: {model: openai/gpt-4o, litellm_credential_name: shared}
credential_list:
- credential_name: shared
  credential_values: {api_key: os.environ/SHARED, api_base: 'http://list:1'}
  credential_info: {description: x}
router_settings: {disable_cooldowns: true, timeout: 30, stream_timeout: 5}
litellm_settings: {drop_params: true, request_timeout: 60}
"""
    made = snapshot(tmp_path, text, {"SHARED": "from-variable"})
    deployment = made.routes["chat"].deployments[0]
    assert deployment.credential is not None
    assert deployment.credential.reveal() == "from-variable"
    assert (deployment.origin.host, deployment.params) == ("list", "drop")
    assert (deployment.deadlines.first_byte, deployment.stream_first_byte) == (30.0, 5.0)
    assert made.routing.cooldowns is False


def test_every_deployment_can_be_found_by_its_id(tmp_path: Path) -> None:
    made = snapshot(tmp_path, MODELS)
    for route in made.routes.values():
        for deployment in route.deployments:
            assert made.deployments[deployment.id] is deployment


def test_parameters_for_all_models_are_weaker_than_a_models_own(tmp_path: Path) -> None:
    text = MODELS.replace("openai/gpt-4o, api_key: k", "openai/gpt-4o, api_key: k, max_retries: 0")
    text += "router_settings: {default_litellm_params: {max_retries: 5, tags: [x]}}"
    routes = snapshot(tmp_path, text).routes
    chat, vectors = routes["chat"].deployments[0], routes["vectors"].deployments[0]
    assert (chat.max_retries, vectors.max_retries, chat.tags) == (0, 5, ("x",))


def test_models_may_have_a_strategy_of_their_own(tmp_path: Path) -> None:
    group = "{group_name: g, models: [chat], routing_strategy: least-busy}"
    routes = snapshot(tmp_path, f"{MODELS}router_settings: {{routing_groups: [{group}]}}").routes
    assert (routes["chat"].strategy, routes["vectors"].strategy) == ("least-busy", "simple-shuffle")


def test_calls_are_mended_only_where_the_configuration_says_so(tmp_path: Path) -> None:
    assert not snapshot(tmp_path, MODELS).routes["chat"].deployments[0].mends
    mending = f"{MODELS}litellm_settings: {{modify_params: true}}"
    assert snapshot(tmp_path, mending).routes["chat"].deployments[0].mends


@pytest.mark.parametrize(
    ("text", "attempts"),
    [
        ("", 3),
        ("router_settings: {num_retries: 2}", 3),
        ("router_settings: {num_retries: 0}", 3),
        ("router_settings: {num_retries: 4}", 6),
        ("litellm_settings: {num_retries: 3}", 5),
        ("router_settings: {retry_policy: {RateLimitErrorRetries: 5}}", 7),
        ("router_settings: {num_retries: 4}\nhx: {routing: {max_attempts: 2}}", 2),
    ],
)
def test_a_call_may_be_tried_as_often_as_the_configuration_asks(
    tmp_path: Path, text: str, attempts: int
) -> None:
    """`num_retries: 3` was cut to two retries: three attempts were the most over everything."""
    assert snapshot(tmp_path, MODELS + text).routing.max_attempts == attempts


def test_litellms_variables_hold_where_the_file_says_nothing(tmp_path: Path) -> None:
    env = {"LITELLM_DROP_PARAMS": "true", "LITELLM_MODIFY_PARAMS": "1", "REQUEST_TIMEOUT": "7"}
    by_variable = snapshot(tmp_path, MODELS, env).routes["chat"].deployments[0]
    assert (by_variable.params, by_variable.mends) == ("drop", True)
    assert by_variable.deadlines.first_byte == 7
    text = "litellm_settings: {drop_params: false, modify_params: false, request_timeout: 9}"
    by_file = snapshot(tmp_path, MODELS + text, env).routes["chat"].deployments[0]
    assert (by_file.params, by_file.mends) == ("forward", False)
    assert by_file.deadlines.first_byte == 9


def test_variables_without_an_effect_are_named(tmp_path: Path) -> None:
    found = check(tmp_path, MODELS, {"SERVER_ROOT_PATH": "/x", "NUM_WORKERS": "2"}).warnings
    assert sum("SERVER_ROOT_PATH" in line or "NUM_WORKERS" in line for line in found) == 2
