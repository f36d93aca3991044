"""One attempt: deadlines, headers, faults, and the place it takes."""

import pytest
from tests.support.deployments import route
from tests.support.pipelines import Rig, chat_deployment, delta, whole
from tests.support.sender import Answer, Piece, ScriptedSender

from hx_gateway.core.errors import Garbled, Interrupted, Overloaded, Rejected, UpstreamError
from hx_gateway.core.http import Deadlines


@pytest.mark.parametrize(("stream", "first_byte"), [(False, 600.0), (True, 2.0)])
async def test_a_stream_may_have_its_own_first_byte_deadline(
    stream: bool, first_byte: float
) -> None:
    slow = chat_deployment("a", deadlines=Deadlines(first_byte=600.0), stream_first_byte=2.0)
    pieces = (delta("x"), delta(finish="stop")) if stream else (whole("x"),)
    rig = Rig(ScriptedSender(a=[Answer(200, *pieces)]), route("m", slow))
    reply = await rig.ask(stream=stream)
    if reply.chunks is not None:
        await reply.chunks.aclose()
    assert rig.sender.deadlines[0].first_byte == first_byte


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(307, b"", headers={b"location": b"http://evil.test/"}), Garbled),
        (Answer(503, b"busy", headers={b"retry-after": b"7"}), Overloaded),
    ],
)
async def test_a_bad_status_is_a_fault_and_frees_the_place(
    answer: Answer, error: type[UpstreamError]
) -> None:
    only = chat_deployment("a")
    rig = Rig(ScriptedSender(a=[answer]), route("m", only), num_retries=0)
    with pytest.raises(error):
        await rig.ask()
    assert rig.sender.hosts == ["a"]  # a redirect is not followed
    assert rig.health.of(only).in_flight == 0
    assert rig.sender.exchanges[0].closed == 1


async def test_a_stream_keeps_its_place_until_it_ends() -> None:
    only = chat_deployment("a")
    rig = Rig(ScriptedSender(a=[Answer(200, delta("x"), 60.0)]), route("m", only))
    reply = await rig.ask(stream=True)
    assert rig.health.of(only).in_flight == 1
    assert reply.chunks is not None
    await reply.chunks.aclose()
    assert rig.health.of(only).in_flight == 0


async def test_an_answer_that_is_no_text_is_garbled() -> None:
    """Symptom: half a character inside a whole answer went on to a client that cannot read it."""
    broken = whole("x").replace(b'"x"', b'"\xc3"')
    rig = Rig(
        ScriptedSender(a=[Answer(200, broken)]), route("m", chat_deployment("a")), num_retries=0
    )
    with pytest.raises(Garbled):
        await rig.ask()


@pytest.mark.parametrize("rest", [[b"x" * 60_000] * 5000, [Interrupted("cut")]])
async def test_an_error_answer_is_read_as_far_as_it_is_worth_it(rest: list[Piece]) -> None:
    """Symptom elsewhere: an upstream's endless error page fills the memory."""
    answer = Answer(400, b'{"error":{"message":"', *rest)
    rig = Rig(ScriptedSender(a=[answer]), route("m", chat_deployment("a")), num_retries=0)
    with pytest.raises(Rejected, match="refused the request"):
        await rig.ask()
    assert len(rig.sender.exchanges[0]._pieces) in {0, 4995}
    assert rig.sender.exchanges[0].closed == 1
