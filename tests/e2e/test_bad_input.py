"""Requests that make no sense: refused by name in the client's own format, before anybody is asked."""

from typing import Any, NamedTuple

import msgspec
import pytest
from tests.support.fetch import Answer
from tests.support.served import Gateway
from tests.support.stream_client import PATHS, question
from tests.support.upstream import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHATS = ("openai_chat", "anthropic_messages", "openai_responses")
ALL = (*CHATS, "openai_completions", "openai_embeddings")
HI = [{"role": "user", "content": "hi"}]
NO_MODEL: tuple[object, ...] = (5, [], {}, True, "", None)


def body_of(dialect: str, **fields: Any) -> bytes:
    model = "emb" if dialect == "openai_embeddings" else "chat-a"
    return msgspec.json.encode({**question(dialect, model, "hi", stream=False), **fields})


def check(answer: Answer, dialect: str, status: int, param: str | None = None) -> None:
    assert answer.status == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert error["message"]
    if dialect == "anthropic_messages":
        assert answer.json()["type"] == "error"
    elif param is not None:
        assert error["param"].startswith(param)


@pytest.mark.parametrize("dialect", ALL)
async def test_what_is_no_json_object_is_refused(
    gateway: Gateway, upstream: Upstream, dialect: str
) -> None:
    good = body_of(dialect)
    bad = [
        b"", b" ", b"{", b"null", b"[]", b'"x"', b"1", b"true", b"\xff", b"\xef\xbb\xbf" + good,
        good + b"x", good + good, good[:-1], good.replace(b'"hi"', b'"h\xc3"'),
        good.replace(b'"hi"', b'"h\\ud800"'), good[:-1] + b',"temperature":NaN}',
        good[:-1] + b',"temperature":Infinity}', good[:-1] + b",'a':1}", good[:-1] + b",}",
        good[:-1] + b',"deep":' + b"[" * 70 + b"]" * 70 + b"}", b"model=chat-a",
    ]  # fmt: skip
    for body in bad:
        check(await gateway.ask(PATHS[dialect], body=body), dialect, 400)
    assert upstream.asked == []


@pytest.mark.parametrize("dialect", ALL)
async def test_a_model_that_cannot_be_is_refused(
    gateway: Gateway, upstream: Upstream, dialect: str
) -> None:
    for model in NO_MODEL:
        answer = await gateway.ask(PATHS[dialect], body=body_of(dialect, model=model))
        check(answer, dialect, 400, "model")
    for model in ("nope", "x" * 10_000, "../../etc/passwd", "chat-a ", "chat-a\n", "chat\0a"):
        answer = await gateway.ask(PATHS[dialect], body=body_of(dialect, model=model))
        check(answer, dialect, 404, "model")
        assert len(answer.text) < 1000
    assert upstream.asked == []


class Field(NamedTuple):
    """A field and values that no call can have, in the formats that know it."""

    name: str
    values: tuple[object, ...]
    dialects: tuple[str, ...] = CHATS
    param: str | None = None

    def __str__(self) -> str:
        return f"{self.name}-{self.dialects[0]}"


NO_LIST: tuple[object, ...] = ("x", 5, {}, None, [], True)
NO_ITEMS = ([5], [None], ["x"])
FIELDS = [
    Field("messages", NO_LIST, ("openai_chat", "anthropic_messages")),
    Field("messages", (*NO_ITEMS, [{}], [{"role": "nobody", "content": "x"}], [{"role": "user"}],
                       [{"role": 5, "content": "x"}], [{"role": "user", "content": 5}],
                       [{"role": "user", "content": [5]}]), ("anthropic_messages",)),
    Field("input", (5, {}, None, [], True, *NO_ITEMS, [{}], [{"role": "nobody"}],
                    [{"role": "user", "content": 5}]), ("openai_responses",)),
    Field("input", (5.5, {}, None, [], "", [""], [[]], [None], ["a", 1], True),
          ("openai_embeddings",), "input"),
    Field("stream", ("true", 1, "x", [], {}), CHATS, "stream"),
    Field("max_tokens", ("5", 1.5, [], True), ("anthropic_messages",)),
    Field("max_output_tokens", ("5", 1.5, [], True), ("openai_responses",), "max_output_tokens"),
    Field("temperature", ("x", [], True), ("anthropic_messages", "openai_responses")),
    Field("tools", ("x", 5, {}, [5]), ("anthropic_messages", "openai_responses")),
    Field("tools", ([{}], [{"name": 5}]), ("anthropic_messages",)),
    Field("tool_choice", (5, [], {}, {"type": 5}), ("anthropic_messages", "openai_responses")),
    Field("system", (5, {}, [5], [{"type": "weird"}]), ("anthropic_messages",)),
    Field("stop_sequences", (5, [5], {}), ("anthropic_messages",)),
    Field("thinking", (5, [5], {"budget_tokens": "x"}), ("anthropic_messages",)),
    Field("reasoning", (5, [5], "x", {"effort": 5}), ("openai_responses",)),
    Field("text", (5, [], "x"), ("openai_responses",)),
    Field("instructions", (5, []), ("openai_responses",), "instructions"),
    Field("previous_response_id", (5, {}), ("openai_responses",), "previous_response_id"),
    Field("fallbacks", (5, {}, "x"), CHATS, "fallbacks"),
    Field("timeout", ("x", -1, []), CHATS, "timeout"),
    Field("num_retries", ("x", -1, []), CHATS, "num_retries"),
]  # fmt: skip


@pytest.mark.parametrize("field", FIELDS, ids=str)
async def test_a_value_that_cannot_be_read_is_refused_by_name(
    gateway: Gateway, upstream: Upstream, field: Field
) -> None:
    """The model speaks Chat, so calls in the other formats have to be understood."""
    for dialect in field.dialects:
        for value in field.values:
            body = body_of(dialect, **{field.name: value})
            answer = await gateway.ask(PATHS[dialect], body=body)
            check(answer, dialect, 400, field.param)
    assert upstream.asked == []


@pytest.mark.parametrize("dialect", CHATS)
async def test_a_missing_question_is_refused(
    gateway: Gateway, upstream: Upstream, dialect: str
) -> None:
    answer = await gateway.ask(PATHS[dialect], body=b'{"model":"chat-a","max_tokens":5}')
    check(answer, dialect, 400, "input" if dialect == "openai_responses" else "messages")
    assert upstream.asked == []


@pytest.mark.parametrize("dialect", ALL)
async def test_json_is_json_whatever_its_media_type_says(
    gateway: Gateway, upstream: Upstream, dialect: str
) -> None:
    """`curl -d` says it were a form, and many a client says nothing."""
    for kind in (
        "application/x-www-form-urlencoded",
        "text/plain",
        "",
        "application/json; charset=x",
    ):
        headers = {"content-type": kind}
        answer = await gateway.ask(PATHS[dialect], body=body_of(dialect), headers=headers)
        assert answer.status == 200, answer.text
    form = "multipart/form-data; boundary=x"
    broken = await gateway.ask(PATHS[dialect], body=b"--x--", headers={"content-type": form})
    check(broken, dialect, 400)


async def test_what_only_the_model_can_judge_goes_on_as_it_is(
    gateway: Gateway, upstream: Upstream
) -> None:
    """The control: limits differ by model, and its own words are the better ones."""
    fields = {
        "messages": HI,
        "max_tokens": -1,
        "temperature": 99,
        "n": 10**9,
        "tools": [{"type": "function", "function": {"name": f"f{n}"}} for n in range(500)],
        "made_up": {"a": [1]},
    }
    answer = await gateway.ask(PATHS["openai_chat"], body=body_of("openai_chat", **fields))
    assert answer.status == 200
    sent = upstream.asked[-1].json()
    assert {name: sent[name] for name in fields} == fields
