"""The line of a call says what happened, with names of bounded length and no more than is known."""

import msgspec
from tests.support.receipts import receipt

from hx_gateway.core.receipt import Ending
from hx_gateway.usage.call_lines import MAX_KEPT, CallLines


def test_the_line_of_a_call_says_what_happened() -> None:
    line = msgspec.json.decode(CallLines().write(receipt(stream=True, team_id="t")))
    assert line == {
        "time": "2025-10-09T08:53:20.250000Z",
        "event": "call",
        "request_id": "c1",
        "operation": "chat",
        "model": "gpt",
        "deployment": "d1",
        "provider": "acme",
        "upstream_model": "model-of-d1",
        "status": 200,
        "ending": "complete",
        "ms": 300.0,
        "first_byte_ms": 100.0,
        "upstream_ms": 290.0,
        "stream": True,
        "attempts": 1,
        "input_tokens": 5,
        "output_tokens": 7,
        "cost_usd": "0.0000025",
        "key": "k" * 12,
        "key_alias": "alias",
        "team": "t",
    }


def test_a_refused_call_leaves_out_what_is_not_known() -> None:
    line = msgspec.json.decode(
        CallLines().write(
            receipt(
                ending=Ending.REFUSED,
                status=404,
                error_code="model_not_found",
                deployment_id=None,
                provider=None,
                upstream_model=None,
                upstream_seconds=None,
                first_byte_seconds=None,
                cost=None,
                attempts=(),
            )
        )
    )
    assert (line["ending"], line["error"], line["attempts"]) == ("refused", "model_not_found", 0)
    assert {"deployment", "cost_usd", "upstream_ms"} & set(line) == set()


def test_a_line_says_whether_a_kept_answer_was_given() -> None:
    lines = [CallLines().write(receipt(cache_hit=hit)) for hit in (None, True, False)]
    assert [msgspec.json.decode(line).get("cache_hit") for line in lines] == [None, True, False]


def test_names_that_a_client_sends_are_cut() -> None:
    line = msgspec.json.decode(CallLines().write(receipt(model="m" * 10_000)))
    assert len(line["model"]) == 128


def test_what_a_client_chose_cannot_break_out_of_its_line() -> None:
    evil = 'a","status":1,"x":"\n'
    encoded = CallLines().write(receipt(call_id=evil, model=evil, error_code=evil))
    line = msgspec.json.decode(encoded)
    assert b"\n" not in encoded
    assert (line["request_id"], line["model"], line["error"], line["status"]) == (
        *[evil] * 3,
        200,
    )


def test_each_second_has_its_own_time() -> None:
    lines = CallLines()
    times = [
        msgspec.json.decode(lines.write(receipt(started_at=at)))["time"] for at in (0.25, 0.5, 61.0)
    ]
    assert times == [
        "1970-01-01T00:00:00.250000Z",
        "1970-01-01T00:00:00.500000Z",
        "1970-01-01T00:01:01.000000Z",
    ]


def test_many_models_do_not_fill_the_memory() -> None:
    lines = CallLines()
    for n in range(MAX_KEPT + 10):
        assert msgspec.json.decode(lines.write(receipt(model=f"m{n}")))["model"] == f"m{n}"
    assert len(lines._kept) <= MAX_KEPT
