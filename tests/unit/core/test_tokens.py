"""The estimate is near what a real vocabulary counts, and never surprising."""

import msgspec
import pytest
from msgspec import Raw

from hx_gateway.core.chat import (
    Chat,
    Document,
    Image,
    Message,
    OutputFormat,
    Refusal,
    Role,
    Text,
    Thinking,
    Tool,
    ToolResult,
    ToolUse,
)
from hx_gateway.core.tokens import PER_CHAT, PER_DOCUMENT, PER_IMAGE, count_chat, estimate

# Counted once with the o200k vocabulary (the package toktok-rs 0.3.0).
KNOWN = {
    "english": (
        66,
        (
            "The gateway keeps a pool of connections to each upstream. When a deplo"
            "yment fails three times in a row it is left alone for a while, and the"
            " next one in the same group answers instead. Nothing of this is visibl"
            "e to the client, except for a header that says how many attempts were "
            "made and why each of them ended."
        ),
    ),
    "code": (
        79,
        (
            'def find(self, name: str) -> Route:\n    """Find a route by its public '
            'name; raises UnknownModel."""\n    route = self._routes.get(name)\n    i'
            "f route is None:\n        for pattern, candidate in self._wildcards:\n  "
            "          if pattern.fullmatch(name):\n                return candidate"
            '\n        raise UnknownModel(f"no model {name!r}")\n    return route\n'
        ),
    ),
    "json": (
        85,
        (
            '{"model":"gpt-4o","messages":[{"role":"system","content":"Be brief."},'
            '{"role":"user","content":"What is the weather in Oslo?"}],"tools":[{"t'
            'ype":"function","function":{"name":"get_weather","parameters":{"type":'
            '"object","properties":{"city":{"type":"string"}},"required":["city"]}}'
            '}],"temperature":0.2,"max_tokens":1024}'
        ),
    ),
    "german": (
        44,
        (
            "Der Dienst merkt sich, welche Rechner antworten, und fragt die anderen"
            " eine Zeit lang nicht mehr. Eine abgebrochene Antwort wird nie als vol"
            "lständig ausgegeben, und jede Anfrage hinterlässt genau einen Eintrag."
        ),
    ),
    "russian": (
        34,
        (
            "Сервис запоминает, какие узлы отвечают, и некоторое время не обращаетс"
            "я к остальным. Каждый запрос оставляет ровно одну запись в журнале."
        ),
    ),
    "chinese": (
        40,
        "网关会记住哪些节点能够响应，并在一段时间内不再请求其他节点。每个请求只会留下一条记录，中断的回答绝不会显示为完整。",
    ),
    "japanese": (
        48,
        "ゲートウェイは応答するノードを記憶し、しばらくの間は他のノードに問い合わせません。すべての要求は必ず一つの記録を残します。",
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_an_estimate_is_within_a_fifth_of_the_count(name: str) -> None:
    count, text = KNOWN[name]
    assert abs(estimate(text) - count) <= 0.2 * count


def test_nothing_has_no_tokens_and_anything_has_one() -> None:
    assert estimate("") == 0
    for text in (" ", "a", "\n", "\ud800", "\0", "é"):
        assert estimate(text) >= 1


def test_more_text_is_never_fewer_tokens() -> None:
    text = KNOWN["code"][1]
    counts = [estimate(text[:end]) for end in range(len(text))]
    assert counts == sorted(counts)


def test_everything_that_a_model_reads_is_counted() -> None:
    base = Chat(messages=(Message(role=Role.USER, parts=(Text(text="Hi"),)),))
    seen = {count_chat(base)}
    parts = (
        Text(text="more words here"),
        Refusal(text="I cannot say that"),
        Thinking(text="let me see about that"),
        ToolUse(id="c", name="get_weather", arguments='{"city":"Oslo"}'),
        ToolResult(id="c", parts=(Text(text="four degrees and rain"),)),
        Image(url="https://a.test/p"),
        Document(kind="file", raw=Raw(b"{}")),
    )
    for part in parts:
        longer = (*base.messages, Message(role=Role.USER, parts=(part,)))
        assert count_chat(msgspec.structs.replace(base, messages=longer)) > max(seen)
    schema = Raw(b'{"type":"object","properties":{"city":{"type":"string"}}}')
    tool = Tool(name="get_weather", description="Look it up", parameters=schema)
    shaped = OutputFormat(kind="json_schema", schema=schema)
    assert count_chat(msgspec.structs.replace(base, tools=(tool,))) > max(seen)
    assert count_chat(msgspec.structs.replace(base, output=shaped)) > max(seen)
    assert count_chat(Chat(messages=())) == PER_CHAT


def test_pictures_and_files_are_not_counted_by_their_bytes() -> None:
    picture = Image(data="A" * 1_000_000, media_type="image/png")
    file = Document(kind="file", raw=Raw(b'"' + b"A" * 1_000_000 + b'"'))
    chat = Chat(messages=(Message(role=Role.USER, parts=(picture, file)),))
    assert count_chat(chat) < PER_IMAGE + PER_DOCUMENT + 20
