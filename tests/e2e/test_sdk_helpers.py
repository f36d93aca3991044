"""What the SDKs build on the API works with models of every format: tool runners, parsed answers."""

from collections.abc import AsyncIterator

import anthropic
import openai
import pytest
import pytest_asyncio
from pydantic import BaseModel
from tests.support.agent_upstream import FORMATS, AgentUpstream, Turn, model_of
from tests.support.served import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")
CALL = ("weather", {"place": "Paris"})
SCENARIOS = {
    "tool": (Turn(text="Look.", calls=(CALL,)), Turn(text="Sunny.")),
    "json": (Turn(text='{"what": "x", "number": 2}'),),
    "think": (Turn(text="Thought.", thinking="Hm."),),
}


class Step(BaseModel):
    what: str
    number: int


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    async with AgentUpstream(SCENARIOS) as upstream:
        config = {"model_list": [model_of(form, upstream) for form in FORMATS]}
        gateway = Gateway(tmp_path_factory.mktemp("helpers") / "s", config=config)
        gateway.start()
        try:
            await gateway.wait_ready()
            yield gateway
        finally:
            await gateway.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def claude(gateway: Gateway) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        base_url=gateway.url, api_key=gateway.key, max_retries=0
    ) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def gpt(gateway: Gateway) -> AsyncIterator[openai.AsyncOpenAI]:
    url = f"{gateway.url}/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key=gateway.key, max_retries=0) as client:
        yield client


@anthropic.beta_async_tool
async def weather(place: str) -> str:
    """Tell the weather.

    Args:
        place: where
    """
    return f"sun in {place}"


@pytest.mark.parametrize("form", FORMATS)
async def test_a_tool_runner_runs_to_the_end(claude: anthropic.AsyncAnthropic, form: str) -> None:
    runner = claude.beta.messages.tool_runner(
        model=form,
        max_tokens=100,
        tools=[weather],
        messages=[{"role": "user", "content": "SCENARIO:tool"}],
        stream=True,
    )
    ends = [(await stream.get_final_message()).stop_reason async for stream in runner]
    assert ends == ["tool_use", "end_turn"]


@pytest.mark.parametrize("form", FORMATS)
async def test_thoughts_are_blocks_of_their_own(
    claude: anthropic.AsyncAnthropic, form: str
) -> None:
    async with claude.messages.stream(
        model=form,
        max_tokens=2000,
        thinking={"type": "enabled", "budget_tokens": 1024},
        messages=[{"role": "user", "content": "SCENARIO:think"}],
    ) as stream:
        final = await stream.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "text"]


@pytest.mark.parametrize("form", FORMATS)
async def test_answers_are_parsed(gpt: openai.AsyncOpenAI, form: str) -> None:
    expected = Step(what="x", number=2)
    async with gpt.chat.completions.stream(
        model=form,
        messages=[{"role": "user", "content": "SCENARIO:json"}],
        response_format=Step,
    ) as chat:
        completion = await chat.get_final_completion()
    assert completion.choices[0].message.parsed == expected
    async with gpt.responses.stream(model=form, input="SCENARIO:json", text_format=Step) as stream:
        assert (await stream.get_final_response()).output_parsed == expected
