"""Who counts: an upstream that can, else an estimate; and whose mistake a refusal is."""

import msgspec
import pytest
from tests.support.calls import call
from tests.support.deployments import route
from tests.support.golden import CREDENTIAL, deployment_of
from tests.support.pipelines import CALLER, Rig, chat_deployment
from tests.support.sender import Answer, ScriptedSender

from hx_gateway.core.chat import Chat, Message, Role, Text
from hx_gateway.core.errors import Forbidden, Rejected, UnknownModel, Unreachable
from hx_gateway.core.http import Origin
from hx_gateway.core.route import Deployment, Route
from hx_gateway.core.tokens import count_chat
from hx_gateway.pipeline.counting import Count, TokenCounter
from hx_gateway.providers.registry import PROVIDERS

CHAT = Chat(messages=(Message(role=Role.USER, parts=(Text(text="How are you?"),)),))
CALL = msgspec.structs.replace(
    call({"messages": [{"role": "user", "content": "How are you?"}]}, "anthropic_messages"),
    model="m",
)
ESTIMATE = Count(tokens=count_chat(CHAT), model="upstream-model")


def counting(host: str) -> Deployment:
    deployment = deployment_of(PROVIDERS["anthropic"])
    return msgspec.structs.replace(deployment, id=host, origin=Origin(host=host))


def counter(sender: ScriptedSender, *routes: Route) -> TokenCounter:
    return TokenCounter(Rig(sender, *routes).pipeline.table, sender)


async def test_an_upstream_that_counts_is_asked() -> None:
    sender = ScriptedSender(a=[Answer(200, b'{"input_tokens":12}')])
    count = await counter(sender, route("m", counting("a"))).count(CALL, CHAT, CALLER)
    assert count == Count(tokens=12, model="upstream-model", source="anthropic")
    assert sender.exchanges[0].closed


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404, b"{}"),
        Answer(529, b"{}"),
        Answer(401, b"{}"),
        Answer(200, b"<html>"),
        Unreachable("gone"),
    ],
    ids=["no such path", "overloaded", "credential", "garbage", "away"],
)
async def test_without_a_count_there_is_an_estimate(answer: Answer | Unreachable) -> None:
    sender = ScriptedSender(a=[answer])
    count = await counter(sender, route("m", counting("a"))).count(CALL, CHAT, CALLER)
    assert count == ESTIMATE


async def test_another_deployment_may_count() -> None:
    sender = ScriptedSender(a=[Answer(529, b"{}")], b=[Answer(200, b'{"input_tokens":12}')])
    asked = route("m", chat_deployment("x"), counting("a"), counting("b"))
    assert (await counter(sender, asked).count(CALL, CHAT, CALLER)).tokens == 12
    assert [host for host, _ in sender.sent] == ["a", "b"]


async def test_what_the_upstream_refuses_is_the_callers_mistake() -> None:
    body = b'{"type":"error","error":{"type":"invalid_request_error","message":"messages: bad"}}'
    sender = ScriptedSender(a=[Answer(400, body)])
    with pytest.raises(Rejected, match="messages: bad"):
        await counter(sender, route("m", counting("a"))).count(CALL, CHAT, CALLER)


async def test_an_upstream_that_repeats_our_credential_does_not_give_it_away() -> None:
    told = f"no key {CREDENTIAL} may count"
    body = b'{"type":"error","error":{"type":"invalid_request_error","message":"%b"}}'
    sender = ScriptedSender(a=[Answer(400, body % told.encode())])
    with pytest.raises(Rejected) as caught:
        await counter(sender, route("m", counting("a"))).count(CALL, CHAT, CALLER)
    assert caught.value.message == "no key *** may count"
    assert (b"x-api-key", CREDENTIAL.encode()) in sender.sent[0][1].headers  # the control


async def test_a_count_leaves_no_receipt() -> None:
    """Nothing is made, so nothing is billed; the access log has its line all the same."""
    sender = ScriptedSender(a=[Answer(200, b'{"input_tokens":12}')])
    rig = Rig(sender, route("m", counting("a")))
    await TokenCounter(rig.pipeline.table, sender).count(CALL, CHAT, CALLER)
    assert rig.receipts.all == []
    assert rig.health.of(counting("a")).in_flight == 0


async def test_nobody_is_asked_unless_wanted() -> None:
    sender = ScriptedSender()
    count = await counter(sender, route("m", counting("a"))).count(CALL, CHAT, CALLER, ask=False)
    assert count == ESTIMATE
    canned = msgspec.structs.replace(counting("a"), canned="hello")
    assert (await counter(sender, route("m", canned)).count(CALL, CHAT, CALLER)) == ESTIMATE
    assert sender.sent == []


async def test_a_count_needs_the_model_as_an_answer_does() -> None:
    made = counter(ScriptedSender(), route("m", counting("a")))
    with pytest.raises(UnknownModel):
        await made.count(msgspec.structs.replace(CALL, model="zzz"), CHAT, CALLER)
    with pytest.raises(Forbidden):
        await made.count(CALL, CHAT, msgspec.structs.replace(CALLER, models=("other",)))
