import msgspec
import pytest
from tests.support.calls import call, drained

from hx_gateway.core import wire
from hx_gateway.core.call import Call
from hx_gateway.core.chat import Text
from hx_gateway.core.errors import InvalidRequest, RateLimited
from hx_gateway.core.event import Event, Finish, Finished, Started, TextDelta, Used
from hx_gateway.core.usage import Usage
from hx_gateway.dialects.openai_completions import WAY_IN, WAY_OUT

ANSWER: list[Event] = [
    Started(id="cmpl-9", model="public", created=5),
    TextDelta(text="a"),
    TextDelta(text="b"),
    Finished(reason=Finish.LENGTH),
    Used(usage=Usage(input=3, output=4)),
]


def complete(**fields: object) -> Call:
    return call({"prompt": "Once", **fields}, "openai_completions")


@pytest.mark.parametrize("prompt", ["Once", ["Once"]])
def test_a_prompt_is_what_one_user_says(prompt: object) -> None:
    chat = WAY_IN.read(complete(prompt=prompt, max_tokens=3, best_of=2))
    assert chat.messages[0].parts == (Text(text="Once"),)
    assert chat.max_tokens == 3
    assert set(chat.extra) == {"best_of"}


@pytest.mark.parametrize("prompt", [["a", "b"], [1, 2], [[1]], [], None])
def test_other_prompts_cannot_be_translated(prompt: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        WAY_IN.read(complete(prompt=prompt))
    assert caught.value.param == "prompt"


@pytest.mark.parametrize("wants_usage", [True, False])
def test_a_stream_reads_back_as_it_was_written(wants_usage: bool) -> None:
    writer = WAY_IN.writer(msgspec.structs.replace(complete(), wants_usage=wants_usage))
    written = writer.write(ANSWER) + writer.end()
    expected = ANSWER if wants_usage else ANSWER[:-1]
    assert drained(WAY_OUT.decoder(), written) == expected


def test_a_whole_answer_joins_its_text() -> None:
    body = wire.decode_any(WAY_IN.render(ANSWER, complete()))
    assert body["choices"] == [
        {"text": "ab", "index": 0, "logprobs": None, "finish_reason": "length"}
    ]
    assert body["usage"]["total_tokens"] == 7


def test_an_empty_answer_has_its_choice() -> None:
    body = wire.decode_any(WAY_IN.render([Finished(reason=Finish.CONTENT_FILTER)], complete()))
    assert body["choices"][0]["text"] == ""
    assert body["choices"][0]["finish_reason"] == "content_filter"


def test_errors_are_written_in_it_too() -> None:
    error = RateLimited("Too fast.")
    assert b"rate_limit_exceeded" in WAY_IN.error(error, "req-1")
    assert WAY_IN.stream_error(error, "req-1").startswith(b"data: {")
