"""The scripted model."""

from typing import Any

import msgspec
import pytest
from tests.support.openai_answers import events, whole

from hx_gateway.local.scripted import LABEL, ScriptedService


def asked(text: str, **more: Any) -> bytes:
    return msgspec.json.encode({"messages": [{"role": "user", "content": text}], **more})


@pytest.mark.parametrize(
    ("text", "more", "said", "finish"),
    [
        ("Return exactly the text: ok then", {}, "ok then", "stop"),
        ("Return exactly the text:  two  spaces", {}, " two  spaces", "stop"),
        ("hello", {}, f"{LABEL}. You said: hello", "stop"),
        ("Return exactly the text: a b c", {"max_tokens": 2}, "a b ", "length"),
        ("Return exactly the text: a b c", {"max_tokens": 3}, "a b c", "stop"),
        ("Return exactly the text: a STOP c", {"stop": ["STOP"]}, "a ", "stop"),
        ("Return exactly the text: ", {}, "", "stop"),
    ],
)
async def test_it_says(text: str, more: dict[str, Any], said: str, finish: str) -> None:
    service = ScriptedService()
    answer = whole(await service.answer(asked(text, **more)))
    choice = answer["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (said, finish)
    streamed = await events(await service.answer(asked(text, stream=True, **more)))
    texts = [event["choices"][0]["delta"].get("content", "") for event in streamed[:-1]]
    assert "".join(texts) == said


async def test_every_answer_is_labelled() -> None:
    answer = whole(await ScriptedService().answer(asked("Return exactly the text: I am real")))
    assert answer["system_fingerprint"] == LABEL


async def test_words_are_counted_as_tokens() -> None:
    answer = whole(await ScriptedService().answer(asked("Return exactly the text: a b")))
    assert answer["usage"] == {"prompt_tokens": 6, "completion_tokens": 2, "total_tokens": 8}
