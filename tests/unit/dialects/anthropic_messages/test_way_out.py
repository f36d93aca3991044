import pytest
from msgspec import Raw
from tests.support.calls import call, plain

from hx_gateway.core.chat import Chat
from hx_gateway.core.errors import Garbled, Overloaded
from hx_gateway.core.usage import Usage
from hx_gateway.dialects.anthropic_messages import WAY_IN, WAY_OUT

BODY = {"max_tokens": 5, "system": "s", "messages": [], "temperature": 1, "zzz": None}


def test_adapting_changes_the_model_and_nothing_else() -> None:
    fields = dict(call(BODY, "anthropic_messages").fields)
    for stream in (True, False):
        adapted = WAY_OUT.adapt(fields, "upstream", stream=stream)
        assert adapted == {**fields, "model": Raw(b'"upstream"')}


@pytest.mark.parametrize(("most", "limit"), [(None, 4096), (8192, 8192), (128_000, 32_000)])
def test_a_client_that_says_no_limit_gets_what_the_model_can_say(
    most: int | None, limit: int
) -> None:
    """Symptom: Codex was cut off after 4,096 tokens in the middle of a file."""
    question = Chat(messages=())
    fields = WAY_OUT.fitted("m", most).encode(question, "m", stream=False)
    assert plain(fields)["max_tokens"] == limit


def test_counting_sends_the_prompt_without_settings() -> None:
    question = WAY_IN.read(call(BODY, "anthropic_messages"))
    fields = WAY_OUT.encode(question, "m", stream=False)
    assert plain(WAY_OUT.counted(fields)) == {"model": "m", "system": "s", "messages": []}


def test_a_count_is_read_or_is_garbled() -> None:
    assert WAY_OUT.read_count(b'{"input_tokens":7,"context_management":{}}') == 7
    for wrong in (b"{}", b'{"input_tokens":-1}', b"[", b"\xff"):
        with pytest.raises(Garbled):
            WAY_OUT.read_count(wrong)


def test_the_rest_of_the_port_is_there() -> None:
    answer = b'{"content":[],"usage":{"input_tokens":1}}'
    assert WAY_OUT.usage(answer) == Usage(input=1)
    assert WAY_OUT.decode(answer)
    assert WAY_OUT.decoder().feed(b"") == []
    assert WAY_OUT.relay(wants_usage=False).feed(b"") == b""
    assert type(WAY_OUT.fault(529, {}, b"")) is Overloaded
    assert WAY_OUT.drops("store")
    assert not WAY_OUT.drops("zzz")
