"""The smallest call that shows whether a deployment answers."""

import msgspec
import pytest
from tests.support.deployments import route
from tests.support.pipelines import CALLER, VENDOR, Rig, chat_deployment, whole
from tests.support.sender import Answer, ScriptedSender

from hx_gateway.core.call import Operation
from hx_gateway.core.errors import Unreachable
from hx_gateway.core.receipt import Ending
from hx_gateway.dialects import openai_chat
from hx_gateway.pipeline.trial import trial_call
from hx_gateway.routing.health import State

EMBEDS = msgspec.structs.replace(
    VENDOR, speaks=dict.fromkeys((Operation.CHAT, Operation.EMBED), (openai_chat.WAY_OUT,))
)


@pytest.mark.parametrize(
    ("mode", "operation"),
    [
        (None, Operation.CHAT),
        ("chat", Operation.CHAT),
        ("embedding", Operation.EMBED),
        ("completion", None),  # this vendor does not speak it
        ("image_generation", None),  # a picture is no small thing
    ],
)
def test_the_kind_of_model_decides_what_it_is_asked(mode: str, operation: Operation) -> None:
    call = trial_call(chat_deployment("a", mode=mode, provider=EMBEDS), "m", 1.0, 2)
    assert (None if call is None else call.operation) is operation


def test_a_pattern_cannot_be_tried() -> None:
    assert trial_call(chat_deployment("a", model="*"), "openai/*", 1.0, 2) is None


async def test_a_trial_asks_for_one_token_and_leaves_a_receipt() -> None:
    good = chat_deployment("a")
    main = route("m", good)
    rig = Rig(ScriptedSender(a=[Answer(200, whole("x"))]), main)
    assert await rig.pipeline.trial(main, good, CALLER) is None
    assert msgspec.json.decode(rig.sender.sent[0][1].body)["max_tokens"] == 1
    assert rig.receipts.only.ending is Ending.COMPLETE


async def test_a_failed_trial_is_told_and_counts() -> None:
    bad = chat_deployment("a")
    main = route("m", bad)
    rig = Rig(ScriptedSender(a=[Unreachable("away")]), main)
    for _ in range(3):
        error = await rig.pipeline.trial(main, bad, CALLER)
        assert isinstance(error, Unreachable)
    assert rig.receipts.all[0].ending is Ending.FAILED
    assert rig.health.of(bad).state(rig.clock.monotonic()) is State.OPEN
