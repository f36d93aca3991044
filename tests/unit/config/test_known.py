import pytest
from tests.support.configs import node

from hx_gateway.config.known import check_keys, check_model_keys, open_known, unread_paths
from hx_gateway.config.prices import FIELDS
from hx_gateway.config.report import Report


def checked(text: str) -> Report:
    report = Report()
    check_keys(node(text), open_known(), ["acme"], report)
    return report


@pytest.mark.parametrize(
    ("text", "path", "advice"),
    [
        ("modle_list: []", "modle_list", "did you mean model_list?"),
        ("server: {port: 1}", "server", "it belongs under hx: as hx.server"),
        ("master_key: x", "master_key", "it belongs under general_settings"),
        (
            "litellm_settings: {database_url: x}",
            "litellm_settings.database_url",
            "it belongs under general_settings",
        ),
        (
            "general_settings: {model_list: []}",
            "general_settings.model_list",
            "it belongs at the top level",
        ),
        (
            "router_settings: {num_retires: 1}",
            "router_settings.num_retires",
            "did you mean num_retries?",
        ),
        ("general_settings: {qqqqqqqq: 1}", "general_settings.qqqqqqqq", "remove it"),
        (
            "litellm_settings: {cache_params: {hots: 1}}",
            "litellm_settings.cache_params.hots",
            "did you mean host?",
        ),
    ],
)
def test_an_unknown_or_misplaced_key_is_named_with_where_it_belongs(
    text: str, path: str, advice: str
) -> None:
    report = checked(text)
    assert len(report.unread) == 1
    assert f": {path}: unknown key" in report.unread[0]
    assert report.unread[0].endswith(advice)
    assert report.problems == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("guardrails: [{a: 1}]", "guardrails"),
        ("general_settings: {alerting: [slack]}", "general_settings.alerting"),
        ("litellm_settings: {caching: true}", "litellm_settings.caching"),
        ("router_settings: {alerting_config: {a: 1}}", "router_settings.alerting_config"),
    ],
)
def test_a_known_key_without_effect_warns_with_its_path(text: str, path: str) -> None:
    report = checked(text)
    assert f": {path}: known to LiteLLM, but not supported yet" in report.warnings[0]
    assert report.unread == []


@pytest.mark.parametrize(
    "text",
    [
        "general_settings: {alerting: []}",
        "litellm_settings: {cache: false, set_verbose: true}",
        "guardrails:",
    ],
)
def test_what_asks_for_nothing_does_not_warn(text: str) -> None:
    report = checked(text)
    assert report.warnings + report.unread + report.problems == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hx: {sevrer: {}}", "hx.sevrer: unknown setting; did you mean server?"),
        (
            "hx: {rag: {colection: x}}",
            "hx.rag.colection: unknown setting; did you mean collection?",
        ),
        ("hx: [1]", "hx: must be a mapping"),
        ("hx: {rag: true}", "hx.rag: must be a mapping"),
        (
            "hx:\n  server:\n    port: 1",
            "config.yaml:3: hx.server.port: is needed before this file is read; set PORT or --port",
        ),
        ("general_settings: [1]", "general_settings: must be a mapping"),
    ],
)
def test_our_own_settings_are_read_strictly(text: str, says: str) -> None:
    assert says in checked(text).problems[0]


def test_a_variable_that_comes_too_late_is_named() -> None:
    report = checked("environment_variables: {PORT: 1, OTHER: 2}")
    assert len(report.unread) == 1
    assert "environment_variables.PORT: is needed before" in report.unread[0]


def test_providers_and_short_names_may_stand_under_hx() -> None:
    assert (
        checked("hx: {acme: ['http://a'], default_group: x, rag: {enabled: true}}").problems == []
    )


def test_unknown_parameters_of_a_model_are_body_fields_but_unknown_keys_beside_them_are_not() -> (
    None
):
    report = Report()
    text = "model_name: a\napi_key: x\ntypo: 1\nlitellm_params: {model: a/b, top_k: 5, s3_bucket_name: 3}\nmodel_info: {tier: free, team_id: t}"
    check_model_keys(node(text), "model_list[0]", open_known(), report)
    assert [line.split(": ", 2)[1] for line in report.unread] == [
        "model_list[0].api_key",
        "model_list[0].typo",
    ]
    assert "it belongs under litellm_params" in report.unread[0]
    assert [line.split(": ", 2)[1] for line in report.warnings] == [
        "model_list[0].litellm_params.s3_bucket_name",
        "model_list[0].model_info.team_id",
    ]


def test_limits_beside_the_parameters_and_what_anchors_point_to_are_no_mistakes() -> None:
    report = Report()
    entry = node("{model_name: a, rpm: 5, tpm: 5, litellm_params: {model: a/b}}")
    check_model_keys(entry, "model_list[0]", open_known(), report)
    assert report.unread == []
    assert checked("x-params: &p {a: 1}\nmodel_list: []").unread == []
    assert len(checked("hx: {}\ngeneral_settings: {x-a: 1}").unread) == 1


def test_paths_without_an_effect_are_given_for_every_section() -> None:
    paths = unread_paths(open_known())
    assert {
        "guardrails",
        "general_settings.alerting",
        "litellm_settings.cache_params.s3_bucket_name",
        "model_list[].litellm_params.aws_secret_access_key",
        "model_list[].model_info.team_id",
    } <= paths
    assert "general_settings.master_key" not in paths


@pytest.mark.parametrize(
    ("value", "warns"),
    [
        ("[prometheus]", False),
        ("prometheus", False),
        ("[prometheus, prometheus_system]", False),
        ("[prometheus, langfuse]", True),
        ("langfuse", True),
        ("[{x: {}}]", True),
    ],
)
def test_metrics_are_served_whether_a_callback_asks_for_them_or_not(
    value: str, warns: bool
) -> None:
    """Symptom: `callbacks: [prometheus]` was said to have no effect, beside its metrics."""
    for key in ("callbacks", "success_callback"):
        assert bool(checked(f"litellm_settings: {{{key}: {value}}}").warnings) is warns
    assert checked("general_settings: {alerting: [prometheus]}").warnings


def test_a_key_that_is_like_none_is_not_taken_for_another() -> None:
    """Symptom: `otel_config` was answered with "did you mean ui_theme_config?"."""
    assert checked("litellm_settings: {otel_config: 1}").unread[0].endswith("; remove it")


def test_a_stream_is_for_the_client_to_ask_for() -> None:
    report = Report()
    entry = node("{model_name: a, litellm_params: {model: a/b, stream: true}}")
    check_model_keys(entry, "model_list[0]", open_known(), report)
    assert "model_list[0].litellm_params.stream: is for the client to ask" in report.warnings[0]


def test_no_key_has_two_statuses() -> None:
    for keys in open_known().values():
        assert len(keys.supported) + len(keys.ignored) + len(keys.unsupported) == len(keys.all)


def test_what_has_an_effect_is_not_warned_of() -> None:
    """`allowed_openai_params` and prices by the unit worked, and were said to have no effect."""
    report = Report()
    prices = ", ".join(f"{name}: 0.1" for name in FIELDS)
    text = f"litellm_params: {{model: a/b, allowed_openai_params: [x], {prices}}}"
    check_model_keys(node(text), "model_list[0]", open_known(), report)
    assert report.warnings == []
