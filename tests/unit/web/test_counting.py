"""The routes that count, each in its clients' own shape."""

from typing import Any

import pytest
from tests.support.clock import FakeClock
from tests.support.deployments import route
from tests.support.keystore import SwitchedStore
from tests.support.pipelines import Rig, chat_deployment
from tests.support.sender import ScriptedSender
from tests.support.web import Browser

from hx_gateway.core.snapshot import ServerSettings
from hx_gateway.core.tokens import PER_CHAT, PER_MESSAGE, estimate
from hx_gateway.pipeline.counting import TokenCounter
from hx_gateway.web.counting import CountingRoutes, endpoints
from hx_gateway.web.inference import Inference

TEXT = "How many tokens are in this sentence?"
EXPECTED = estimate(TEXT) + PER_MESSAGE + PER_CHAT
SAID = [{"role": "user", "content": TEXT}]


@pytest.fixture
def browser() -> Browser:
    rig = Rig(ScriptedSender(), route("m", chat_deployment("a")))
    inference = Inference(rig.pipeline, ServerSettings(), rig.clock)
    counter = TokenCounter(rig.pipeline.table, rig.sender)
    return Browser(SwitchedStore(), FakeClock()).open(endpoints(CountingRoutes(inference, counter)))


@pytest.mark.parametrize(
    ("path", "body", "shown"),
    [
        (
            "/v1/messages/count_tokens",
            {"messages": SAID},
            {"input_tokens": EXPECTED},
        ),
        (
            "/v1/responses/input_tokens",
            {"input": TEXT},
            {"object": "response.input_tokens", "input_tokens": EXPECTED},
        ),
        ("/utils/token_counter", {"messages": SAID}, {"total_tokens": EXPECTED}),
        ("/utils/token_counter", {"prompt": TEXT}, {"tokenizer_type": "estimate"}),
        ("/utils/token_counter?call_endpoint=true", {"prompt": TEXT}, {"request_model": "m"}),
    ],
)
async def test_a_prompt_is_counted_in_the_clients_shape(
    browser: Browser, path: str, body: dict[str, Any], shown: dict[str, Any]
) -> None:
    bare, _, query = path.partition("?")
    options = dict([query.split("=")]) if query else {}
    answer = await browser.ask("POST", bare, {"model": "m", **body}, **options)
    assert answer.status == 200
    assert shown.items() <= answer.json.items()
    assert answer.headers["x-hx-token-count"] == "estimate"


async def test_mistakes_have_the_clients_own_shape(browser: Browser) -> None:
    asked = await browser.post("/v1/messages/count_tokens", {"model": "zzz", "messages": SAID})
    assert (asked.status, asked.json["type"]) == (404, "error")
    assert asked.error["type"] == "not_found_error"
    wrong = await browser.post("/v1/messages/count_tokens", {"model": "m"})
    assert (wrong.status, wrong.error["type"]) == (400, "invalid_request_error")
    earlier = {"model": "m", "input": "x", "previous_response_id": "resp_1"}
    refused = await browser.post("/v1/responses/input_tokens", earlier)
    assert (refused.status, refused.error["param"]) == (400, "previous_response_id")
