"""What each vendor is sent for the shared calls."""

import pytest
from tests.support.golden import Case, Golden, masked, relayed_cases, request_cases

from hx_gateway.adapter.request import prepare
from hx_gateway.core.errors import InvalidRequest


@pytest.mark.parametrize("case", request_cases(), ids=str)
def test_request_is_what_the_vendor_expects(case: Case, golden: Golden) -> None:
    try:
        shown: object = masked(case.prepared())
    except InvalidRequest as error:
        shown = {"refused": error.message, "param": error.param}
    golden.check(case.path("request.json"), shown)


@pytest.mark.parametrize("case", relayed_cases(), ids=str)
def test_relayed_fields_stay_byte_for_byte(case: Case) -> None:
    call = case.call()
    prepared = prepare(call, case.deployment())
    assert prepared.relayed
    touched = {"model", "stream_options", "prompt"}
    if case.name == "claude_code":
        touched.add("messages")  # thoughts of other vendors stay behind
    for name, value in call.fields.items():
        assert name in touched or bytes(value) in prepared.request.body


@pytest.mark.parametrize("case", relayed_cases(), ids=str)
def test_what_a_client_left_out_stays_out_of_a_relayed_call(case: Case) -> None:
    call = case.call()
    prepared = prepare(call, case.deployment())
    assert prepared.relayed
    renamed = {note.partition(">")[2] for note in prepared.changed if note.startswith("rename:")}
    allowed = (
        set(call.fields) | renamed | {"input"} | ({"stream_options"} if call.stream else set())
    )
    sent = masked(prepared)["body"]
    assert isinstance(sent, dict)
    assert set(sent) - allowed == set()
