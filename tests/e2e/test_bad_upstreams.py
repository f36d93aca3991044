"""Whatever an upstream answers, its client gets a true answer, in all three of their formats."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.support.bad_answers import TEXT, Bad, streams, whole_answers
from tests.support.bad_messages import other_streams, other_whole_answers
from tests.support.raw_upstream import Peer, RawUpstream, raw_upstream
from tests.support.served import Gateway, running
from tests.support.stream_client import PATHS, ask, question

pytestmark = pytest.mark.asyncio(loop_scope="module")

WAYS_IN = ("openai_chat", "anthropic_messages", "openai_responses")
SECRET = "sk-upstream-canary"
ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+|localhost|Traceback")


class Answers:
    """What the upstream answers now. Connections stay: one that closes may be asked once more."""

    def __init__(self) -> None:
        self.case = next(whole_answers())

    async def script(self, peer: Peer) -> None:
        while await peer.request():
            case = self.case
            await peer.send(case.data)
            if case.closes:
                return


@pytest.fixture(scope="module")
def answers() -> Answers:
    return Answers()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstream(answers: Answers) -> AsyncIterator[RawUpstream]:
    async with raw_upstream(answers.script) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    tmp_path_factory: pytest.TempPathFactory, upstream: RawUpstream
) -> AsyncIterator[Gateway]:
    base = f"http://{upstream.origin.authority}"

    def model(name: str, upstream_name: str, where: str = base) -> dict[str, Any]:
        params = {"model": upstream_name, "api_base": where, "api_key": SECRET, "timeout": 20}
        return {"model_name": name, "litellm_params": params}

    config = {
        "model_list": [
            model("m", "openai/m", f"{base}/v1"),
            model("messages", "anthropic/m"),
            model("ollama", "ollama_chat/m"),
        ],
        "router_settings": {"disable_cooldowns": True, "num_retries": 0},
        "hx": {"fleet": {"poll_s": 3600}},  # else its looks are taken for calls
    }
    async with running(tmp_path_factory.mktemp("gw") / "s", config=config) as served:
        yield served


@pytest.mark.parametrize("case", [*whole_answers(), *other_whole_answers()], ids=str)
async def test_a_whole_answer_is_true(gateway: Gateway, answers: Answers, case: Bad) -> None:
    answers.case = case
    for dialect in WAYS_IN:
        body = question(dialect, case.model, "hi", stream=False)
        answer = await gateway.ask(PATHS[dialect], json=body)
        assert answer.status == case.status, answer.text[:300]
        if case.status == 200:
            assert TEXT in answer.text
            continue
        message = answer.json()["error"]["message"]
        assert message
        assert case.says in (None, message)
        assert SECRET not in answer.text
        assert not ADDRESS.search(answer.text)


@pytest.mark.parametrize("case", [*streams(), *other_streams()], ids=str)
async def test_a_stream_is_true(gateway: Gateway, answers: Answers, case: Bad) -> None:
    answers.case = case
    for dialect in WAYS_IN:
        told = await ask(gateway.port, dialect, question(dialect, case.model, "hi"))
        assert told.status == case.status, told.raw[:300]
        assert told.is_whole
        if case.status != 200:
            assert len(told.errors) == 1
            continue
        assert told.text == case.text
        assert (len(told.errors), told.is_complete) == (case.errors, not case.errors)
        assert told.raw.count(b"[DONE]") == (dialect == "openai_chat" and not case.errors)
        assert not ADDRESS.search(told.raw.decode())


async def test_none_of_it_left_a_trace_or_a_fault_of_ours(
    gateway: Gateway, answers: Answers
) -> None:
    answers.case = next(whole_answers())
    body = question("openai_chat", "m", "hi", stream=False)
    assert (await gateway.ask(PATHS["openai_chat"], json=body)).status == 200
    assert "Traceback" not in gateway.logs()
    assert '"status":500' not in gateway.logs()
