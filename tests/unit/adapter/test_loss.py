from tests.support.calls import ask, call

from hx_gateway.adapter.loss import left_behind
from hx_gateway.core.call import Call
from hx_gateway.core.provider import WayIn, WayOut
from hx_gateway.dialects import anthropic_messages, ollama_chat, openai_chat


def loss(asked: Call, way_in: WayIn, out: WayOut) -> tuple[str, ...]:
    return left_behind(asked.fields, way_in.read(asked), way_in, out)


def test_what_cannot_be_said_is_named_as_the_client_named_it() -> None:
    asked = ask(n=2, seed=None, logit_bias={}, store=True, zzz=1, temperature=1)
    to_messages = loss(asked, openai_chat.WAY_IN, anthropic_messages.WAY_OUT)
    assert to_messages == ("drop:logit_bias", "drop:store", "drop:n")
    to_native = loss(asked, openai_chat.WAY_IN, ollama_chat.WAY_OUT)
    assert to_native == ("drop:logit_bias", "drop:store", "drop:zzz", "drop:n")


def test_nothing_is_said_when_nothing_is_lost() -> None:
    asked = call(
        {"messages": [], "max_tokens": 1, "top_k": 2, "service_tier": "auto"}, "anthropic_messages"
    )
    assert loss(asked, anthropic_messages.WAY_IN, openai_chat.WAY_OUT) == ("drop:service_tier",)
    assert loss(ask(stop="x"), openai_chat.WAY_IN, openai_chat.WAY_OUT) == ()
