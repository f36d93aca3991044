import pytest
from msgspec import Raw
from tests.support.configs import node, variables

from hx_gateway.config.document import Node
from hx_gateway.config.known import open_known
from hx_gateway.config.models import Entry, Surroundings, compile_models
from hx_gateway.config.prices import open_table
from hx_gateway.config.report import Report
from hx_gateway.core.http import Deadlines, Origin
from hx_gateway.core.route import Deployment
from hx_gateway.core.secret import Secret
from hx_gateway.core.usage import Price

CREDENTIALS = {"shared": node("{api_key: from-list, api_base: 'http://list:1/v1'}")}
PARAMS = "model_name: m\nlitellm_params:\n  model: {model}\n  {more}\nmodel_info: {info}\n"


def around(report: Report, environ: dict[str, str] | None = None, **more: object) -> Surroundings:
    return Surroundings(
        environment=variables(**(environ or {"OPENAI_API_KEY": "from-env"})),
        report=report,
        known=open_known(),
        prices=open_table(),
        credentials=CREDENTIALS,
        sockets={"small": "/run/hx/chat.sock"},
        **more,  # type: ignore[arg-type]
    )


def entries(text: str, **more: object) -> tuple[list[Entry], Report]:
    report = Report()
    found = node(text).get("model_list")
    assert found is not None
    return compile_models(found, around(report, **more)), report  # type: ignore[arg-type]


def one(
    params: str = "", info: str = "", model: str = "openai/gpt-4o", **more: object
) -> Deployment:
    text = f"model_list: [{{model_name: m, litellm_params: {{model: '{model}', {params}}}, model_info: {{{info}}}}}]"
    found, report = entries(text, **more)
    assert report.problems == []
    return found[0].deployment


def problems(params: str = "", info: str = "", model: str = "openai/gpt-4o") -> list[str]:
    text = f"model_list: [{{model_name: m, litellm_params: {{model: '{model}', {params}}}, model_info: {{{info}}}}}]"
    return entries(text)[1].problems


def test_a_model_of_a_vendor_gets_address_credential_price_and_mode() -> None:
    deployment = one()
    assert deployment.provider.name == "openai"
    assert deployment.model == "gpt-4o"
    assert deployment.origin == Origin(scheme="https", host="api.openai.com", port=443)
    assert deployment.base_path == "/v1"
    assert deployment.credential == Secret("from-env")
    assert deployment.price == Price(
        input=2_500_000_000, output=10_000_000_000, cached_read=1_250_000_000
    )
    assert (deployment.mode, deployment.max_input_tokens, deployment.max_output_tokens) == (
        "chat",
        128_000,
        16_384,
    )


@pytest.mark.parametrize(
    ("params", "field", "value"),
    [
        ("api_key: own", "credential", Secret("own")),
        ("litellm_credential_name: shared", "credential", Secret("from-list")),
        ("litellm_credential_name: shared", "origin", Origin(host="list", port=1)),
        ("litellm_credential_name: shared, api_key: own", "credential", Secret("own")),
        ("api_base: 'http://h:1/v1/'", "origin", Origin(host="h", port=1)),
        ("api_base: 'http://h:1/v1/'", "base_path", "/v1"),
        ("base_url: 'http://h:2'", "origin", Origin(host="h", port=2)),
        (
            "api_base: 'https://h', ssl_verify: false",
            "origin",
            Origin(scheme="https", host="h", port=443, verify_tls=False),
        ),
        ("rpm: 10", "rpm", 10),
        ("tpm: 1000", "tpm", 1000),
        ("weight: 0.5", "weight", 0.5),
        ("weight: 0", "weight", 0.0),
        ("order: 2", "order", 2),
        ("max_retries: 0", "max_retries", 0),
        ("num_retries: 3", "max_retries", 3),
        ("max_parallel_requests: 4", "max_parallel", 4),
        ("cooldown_time: 0", "cooldown_s", 0.0),
        ("tags: [a, b]", "tags", ("a", "b")),
        ("tag_regex: ['^a,b']", "tag_regex", ("^a,b",)),
        ("drop_params: true", "params", "drop"),
        ("params: strict", "params", "strict"),
        ("additional_drop_params: [logit_bias]", "dropped", ("logit_bias",)),
        ("mock_response: Hi", "canned", "Hi"),
        ("region_name: eu", "region", "eu"),
        (
            "headers: {X-A: 1}, extra_headers: {X-B: two}",
            "headers",
            ((b"x-a", b"1"), (b"x-b", b"two")),
        ),
        ("stream_timeout: 5", "stream_first_byte", 5.0),
        ("timeout: 2", "deadlines", Deadlines(connect=2, first_byte=2, idle=2, total=6000)),
        (
            "timeout: 9000",
            "deadlines",
            Deadlines(connect=5, first_byte=9000, idle=9000, total=9000),
        ),
        ("organization: org-1", "headers", ((b"openai-organization", b"org-1"),)),
        (
            "temperature: 0.2, extra_body: {top_k: 5}",
            "defaults",
            {"temperature": Raw(b"0.2"), "top_k": Raw(b"5")},
        ),
        (
            "input_cost_per_token: 1e-6, output_cost_per_token: 0.000002",
            "price",
            Price(input=10**9, output=2 * 10**9, cached_read=1_250_000_000),
        ),
    ],
)
def test_each_parameter_has_its_effect(params: str, field: str, value: object) -> None:
    assert getattr(one(params), field) == value


@pytest.mark.parametrize(
    ("info", "field", "value"),
    [
        ("id: my-id", "id", "my-id"),
        ("mode: embedding", "mode", "embedding"),
        ("enable_tag_filtering: true", "tag_filtering", True),
        ("enable_tag_filtering: false", "tag_filtering", False),
        ("max_input_tokens: 5", "max_input_tokens", 5),
        ("max_output_tokens: 6", "max_output_tokens", 6),
        ("cooldown_time: 3", "cooldown_s", 3.0),
        (
            "input_cost_per_token: 0",
            "price",
            Price(input=0, output=10_000_000_000, cached_read=1_250_000_000),
        ),
        ("supports_vision: true", "info", {"supports_vision": Raw(b"true")}),
    ],
)
def test_each_information_has_its_effect(info: str, field: str, value: object) -> None:
    assert getattr(one(info=info), field) == value


def test_the_base_model_names_the_price() -> None:
    deployment = one("api_base: 'http://h'", "base_model: gpt-4o", model="openai/my-deployment")
    assert deployment.price is not None
    assert deployment.price.input == 2_500_000_000
    assert one("api_base: 'http://h'", model="openai/my-deployment").price is None


def test_credentials_and_unsupported_parameters_never_become_body_fields() -> None:
    deployment = one(
        "api_key: k, aws_secret_access_key: canary, max_budget: 3, api_version: v1, litellm_credential_name: shared"
    )
    assert deployment.defaults == {}
    assert deployment.info == {"api_version": Raw(b'"v1"')}


@pytest.mark.parametrize(
    ("model", "params", "provider", "name"),
    [
        ("gpt-4o", "", "openai", "gpt-4o"),
        ("ollama_chat/llama3:8b", "", "ollama", "llama3:8b"),
        ("openai/org/model", "", "openai", "org/model"),
        ("my/model", "custom_llm_provider: openai", "openai", "my/model"),
        ("openai/*", "", "openai", "*"),
        ("hosted_vllm/m", "api_base: 'http://v/v1'", "hosted_vllm", "m"),
    ],
)
def test_the_provider_follows_litellms_rules(
    model: str, params: str, provider: str, name: str
) -> None:
    deployment = one(params, model=model)
    assert (deployment.provider.name, deployment.model) == (provider, name)


def test_a_variable_may_give_the_base_url_also_without_a_scheme() -> None:
    environ = {"OLLAMA_HOST": "0.0.0.0:11434"}
    assert one(model="ollama/x", environ=environ).origin == Origin(host="0.0.0.0", port=11434)


def test_a_local_model_is_reached_over_its_socket() -> None:
    deployment = one(model="local/small")
    assert deployment.origin.socket_path == "/run/hx/chat.sock"
    assert deployment.price == Price()


def test_settings_for_all_models_are_weaker_than_a_models_own() -> None:
    plain = one(timeout=7.0, stream_timeout=3.0, drop_params=True)
    assert (plain.deadlines.first_byte, plain.stream_first_byte, plain.params) == (7.0, 3.0, "drop")
    own = one("timeout: 9, drop_params: false", timeout=7.0, drop_params=True)
    assert (own.deadlines.first_byte, own.params) == (9.0, "forward")


@pytest.mark.parametrize(
    ("params", "info", "model", "says"),
    [
        ("", "", "hosted_vllm/x", "api_base: is missing"),
        ("api_base: 'http://u:canary@h'", "", "openai/x", "must not contain a user"),
        ("api_base: 'h:80'", "", "openai/x", "must start with http"),
        ("", "", "local/unknown", "is no local model; there are small"),
        ("weight: -1", "", "openai/x", "weight: must be at least 0"),
        ("rpm: many", "", "openai/x", "rpm: must be a whole number"),
        ("timeout: 0", "", "openai/x", "timeout: must be at least 0.001"),
        ("params: loose", "", "openai/x", "params: must be one of forward, strict, drop"),
        ("headers: {'Bad Name': x}", "", "openai/x", "cannot be sent"),
        ("headers: {Host: x}", "", "openai/x", "cannot be sent"),
        ('headers: {X-A: "x\\r\\ny"}', "", "openai/x", "cannot be sent"),
        ("input_cost_per_token: .nan", "", "openai/x", "input_cost_per_token: must be a finite"),
        (
            "input_cost_per_token: 1e309",
            "",
            "openai/x",
            "input_cost_per_token: must be a finite|more than",
        ),
        (
            "output_cost_per_token: -1.0e-6",
            "",
            "openai/x",
            "output_cost_per_token: must be a finite",
        ),
        ("", "input_cost_per_token: true", "openai/x", "must be a number of dollars"),
        ("", "mode: []", "openai/x", "mode: must be a text"),
    ],
)
def test_a_wrong_parameter_is_a_problem(params: str, info: str, model: str, says: str) -> None:
    found = problems(params, info, model)
    assert len(found) == 1
    assert any(part in found[0] for part in says.split("|"))
    assert "canary" not in found[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("model_list: {a: 1}", "model_list: must be a list"),
        ("model_list: [x]", "model_list[0]: must have model_name and litellm_params"),
        ("model_list: [{model_name: x}]", "must have model_name and litellm_params"),
        ("model_list: [{litellm_params: {model: openai/x}}]", "model_name: is missing"),
        ("model_list: [{model_name: x, litellm_params: {api_key: y}}]", "model: is missing"),
    ],
)
def test_an_entry_of_the_wrong_shape_is_a_problem(text: str, says: str) -> None:
    found, report = entries(text)
    assert found == []
    assert says in report.problems[0]


def test_a_model_of_an_unsupported_provider_is_left_out_and_named() -> None:
    found, report = entries(
        "model_list: [{model_name: m, litellm_params: {model: nobody/x}}, {model_name: n, litellm_params: {model: openai/x}}]"
    )
    assert [entry.name for entry in found] == ["n"]
    assert report.problems == []
    assert (
        "model_list[0].litellm_params.model: the provider of 'nobody/x' is not supported"
        in report.unread[0]
    )


def test_a_vendor_that_is_named_is_not_asked_for_again() -> None:
    """Symptom: `bedrock/x` was answered with "write provider/model", which it is."""
    _, report = entries("model_list: [{model_name: m, litellm_params: {model: nobody/x}}]")
    assert report.unread[0].endswith("so it is left out")
    _, report = entries("model_list: [{model_name: m, litellm_params: {model: nobody}}]")
    assert report.unread[0].endswith("so it is left out; write provider/model")


@pytest.mark.parametrize(
    ("here", "names"), [("production", ["m", "n"]), ("staging", ["n"]), ("else", ["n"])]
)
def test_a_model_is_offered_in_its_environments_only(here: str, names: list[str]) -> None:
    info = "model_info: {supported_environments: [production]}"
    text = f"model_list: [{{model_name: m, litellm_params: {{model: openai/x}}, {info}}}, {{model_name: n, litellm_params: {{model: openai/x}}}}]"
    found, report = entries(text, environ={"OPENAI_API_KEY": "k", "LITELLM_ENVIRONMENT": here})
    assert [entry.name for entry in found] == names
    assert report.problems == []


def test_a_model_of_some_environments_wants_to_know_which_this_is() -> None:
    found = problems(info="supported_environments: [production]")
    assert "model_info.supported_environments: needs LITELLM_ENVIRONMENT" in found[0]


def test_names_of_parameters_under_drop_params_are_noted_and_change_nothing() -> None:
    """Symptom: `drop_params: [tool_choice]`, which LiteLLM ignores, refused the start."""
    text = "model_list: [{model_name: m, litellm_params: {model: openai/x, drop_params: [a]}}]"
    found, report = entries(text, drop_params=True)
    assert found[0].deployment.params == "drop"
    assert report.problems == []
    assert "drop_params: must be true or false; names of parameters" in report.unread[0]


def test_what_litellm_keeps_to_itself_is_not_sent_to_the_vendor() -> None:
    """Symptom: keys of a tracing service, guardrails and prices by tier were sent upstream."""
    params = (
        "langfuse_secret_key: s, guardrails: [g], input_cost_per_token_above_200k_tokens: 0.1, "
        "prompt_id: p, silent_model: m, cache_control_injection_points: [{location: message}]"
    )
    assert one(params).defaults == {}


@pytest.mark.parametrize("params", ["stream: true", "extra_body: {stream: true}"])
def test_a_model_does_not_make_streams_of_all_answers(params: str) -> None:
    """Symptom: `stream: true` of a model made a 502 of each call that did not ask for a stream."""
    assert "stream" not in one(params).defaults


@pytest.mark.parametrize(
    ("own", "version"), [("", "2025-01-01"), (", api_version: 2024-10-21", "2024-10-21")]
)
def test_an_address_may_be_pasted_with_its_version(own: str, version: str) -> None:
    """Symptom: the address that the vendor's portal shows, which LiteLLM takes, was refused."""
    url = "https://r.acme.test/openai/deployments/d/chat/completions"
    params = f"model: azure/d, api_key: k, api_base: '{url}?api-version=2025-01-01'{own}"
    found, report = entries(f"model_list: [{{model_name: m, litellm_params: {{{params}}}}}]")
    assert report.problems == []
    deployment = found[0].deployment
    assert (deployment.base_path, deployment.api_version) == (url.partition("test")[2], version)


def test_a_missing_credential_warns_and_refuses_only_under_strict() -> None:
    text = "model_list: [{model_name: m, litellm_params: {model: openai/x}}]"
    for strict, where in ((False, "warnings"), (True, "problems")):
        _, report = entries(text, environ={"X": "1"}, strict=strict)
        assert "OPENAI_API_KEY" in getattr(report, where)[0]
    _, report = entries(
        text.replace("openai/x", "openai/x, api_base: 'http://h'"), environ={"X": "1"}
    )
    assert report.warnings == []


def test_ids_are_stable_and_independent_of_the_credential() -> None:
    assert one("api_key: a").id == one("api_key: b").id == one().id
    assert one("api_base: 'http://h'").id != one().id
    assert len(one().id) == 32


def test_equal_entries_get_ids_of_their_own() -> None:
    same = "{model_name: m, litellm_params: {model: openai/x, api_key: %s}}"
    found, report = entries(f"model_list: [{', '.join(same % key for key in 'abc')}]")
    first = found[0].deployment.id
    assert [entry.deployment.id for entry in found] == [first, f"{first}-2", f"{first}-3"]
    assert report.problems == []


def test_an_id_that_was_given_twice_is_a_problem() -> None:
    entry = "{model_name: m, litellm_params: {model: openai/x}, model_info: {id: a}}"
    assert "stands twice" in entries(f"model_list: [{entry}, {entry}]")[1].problems[0]


def test_a_list_of_organisations_makes_a_deployment_of_each() -> None:
    found, _ = entries(
        "model_list: [{model_name: m, litellm_params: {model: openai/x, organization: [o1, o2]}}]"
    )
    assert [entry.deployment.headers for entry in found] == [
        ((b"openai-organization", b"o1"),),
        ((b"openai-organization", b"o2"),),
    ]
    assert len({entry.deployment.id for entry in found}) == 2


def test_a_blocked_model_is_left_out() -> None:
    assert (
        entries(
            "model_list: [{model_name: m, litellm_params: {model: openai/x}, model_info: {blocked: true}}]"
        )[0]
        == []
    )


def test_access_groups_are_kept_with_the_entry() -> None:
    found, _ = entries(
        "model_list: [{model_name: m, litellm_params: {model: openai/x}, model_info: {access_groups: [beta]}}]"
    )
    assert found[0].access_groups == ("beta",)
    assert isinstance(node("a: 1"), Node)


@pytest.mark.parametrize(
    ("info", "can", "cannot"),
    [
        ("", {"vision", "function_calling"}, {"reasoning"}),
        ("supports_vision: false, supports_reasoning: true", {"reasoning"}, {"vision"}),
    ],
)
def test_what_a_model_can_do_is_known_and_can_be_said_otherwise(
    info: str, can: set[str], cannot: set[str]
) -> None:
    deployment = one(info=info)
    assert deployment.listed_as == "gpt-4o"
    assert can <= deployment.supports
    assert cannot.isdisjoint(deployment.supports)
