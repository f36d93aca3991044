from tests.support.configs import node

from hx_gateway.config.fields import FieldReader
from hx_gateway.config.params import gather
from hx_gateway.config.report import Report


def gathered(entry: str) -> tuple[FieldReader, Report]:
    report = Report()
    credentials = {"c": node("{api_key: of-c, api_base: 'http://c'}")}
    defaults = dict(node("{timeout: 5}").members())
    return gather(node(entry), "model_list[0]", credentials, defaults, report), report


def test_own_parameters_are_stronger_than_the_credential_and_the_defaults() -> None:
    params, _ = gathered("litellm_params: {api_key: own, litellm_credential_name: c, timeout: 7}")
    assert params.text("api_key") == "own"
    assert params.text("api_base") == "http://c"
    assert params.number("timeout") == 7
    assert params.path == "model_list[0].litellm_params"
    assert gathered("litellm_params: {model: x}")[0].number("timeout") == 5


def test_limits_may_stand_beside_the_parameters_and_are_weaker() -> None:
    """Symptom: `rpm` beside `litellm_params`, which LiteLLM takes, had no effect here."""
    params, report = gathered("{rpm: 6, tpm: 7, litellm_params: {tpm: 8}}")
    assert (params.whole("rpm"), params.whole("tpm")) == (6, 8)
    assert report.unread == []


def test_a_credential_that_is_not_listed_is_noted_and_the_model_stays() -> None:
    """Symptom: one that LiteLLM keeps in its database refused the start."""
    params, report = gathered("litellm_params: {model: x, litellm_credential_name: nobody}")
    assert params.text("model") == "x"
    assert report.problems == []
    assert "litellm_credential_name: no credential 'nobody'" in report.unread[0]
