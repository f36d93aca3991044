"""Nobody can see from outside whether a request flew: each is sent on both paths and compared.

Compared are the answer to the byte, what the upstream got, the line in the log, and what is counted.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from tests.support.bad_answers import Bad, chunked, http, whole, whole_answers
from tests.support.flights import (
    ASK,
    GOOD,
    Act,
    Scripted,
    WitnessedGateway,
    answer,
    compare,
    entry,
    metrics,
    reset,
    see,
    witnessed,
)
from tests.support.raw_upstream import raw_upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRICES = {"input_cost_per_token": 1.5e-6, "output_cost_per_token": 2e-6}
LANDED, CARRIED, STAYED = ["flew", "landed"], ["flew", "carried"], ["stayed"]
PARAMS: dict[str, dict[str, Any]] = {  # what makes a deployment one that has to be looked at
    "filled": {"temperature": 0.5},
    "bounded": {"max_tokens": 7},
    "without": {"additional_drop_params": ["user"]},
    "few": {"max_parallel_requests": 2},
    "lasting": {"on_disconnect": "drain(5)"},
    "canned": {"mock_response": "hi"},
    "translated": {"model": "anthropic/x"},
}
MESSAGES: list[Any] = [{"role": "user", "content": "hi"}]


@pytest.fixture(scope="module")
def upstream() -> Scripted:
    return Scripted()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    tmp_path_factory: pytest.TempPathFactory, upstream: Scripted
) -> AsyncIterator[WitnessedGateway]:
    async with raw_upstream(upstream.script) as server:
        config = {
            "model_list": [
                entry("m", server, "d1"),
                entry("priced", server, "d2", **PRICES),
                entry("up", server, "d3"),
                entry("slow", server, "d4", timeout=0.3),
                entry("any/*", server, "d5", model="openai/*"),
                *[entry(name, server, name, **params) for name, params in PARAMS.items()],
            ],
            "router_settings": {
                "disable_cooldowns": True,
                "num_retries": 0,
                "model_group_alias": {"alias": "m"},
            },
            "hx": {"server": {"max_body": 2**21}, "fleet": {"poll_s": 3600}},
        }
        folder = tmp_path_factory.mktemp("gw") / "s"
        async with witnessed(folder, config=config) as served:
            yield served


def body(model: object = "m", **more: Any) -> bytes:
    return msgspec.json.encode({"model": model, "messages": MESSAGES, **more})


ORDINARY = {
    "plain": ASK,
    "unicode": body(messages=[{"role": "user", "content": "h\u00e9 \u4f60 \U0001f600 \u2028"}]),
    "escapes": body(messages=[{"role": "user", "content": 'a"b\\c\n\t\x01\x7f/'}]),
    "model in the middle": b'{"user":"u","model":"m","messages":[{"role":"user","content":"a"}]}',
    "model last": b'{"messages":[{"role":"user","content":"a"}],"model":"m"}',
    "the same name": body("up"),
    "a price": body("priced"),
    "an alias": body("alias"),
    "unknown fields": body(best_of=None, x={"y": [1, {"z": True}]}, logit_bias={"50": -100}),
    "numbers": body(temperature=0.7, top_p=1.0, seed=2**63 - 1, n=-1, x=1e-7, y=5e300),
    "stop": body(stop=["a", "b"], max_tokens=5),
    "stream: false": body(stream=False),
    "stream: null": body(stream=None),
    "stream options without a stream": body(stream_options={"include_usage": 5}),
    "tools": body(tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}]),
    "a number in the messages": body(messages=[5]),
    "a model in the messages": b'{"model":"m","messages":[{"model":"m"}]}',
    "48 KiB": body(x="x" * (48 * 1024 - len(body(x="")))),
}
OTHERS = {
    "spaces": b'{"model": "m", "messages": [{"role": "user", "content": "hi"}]}',
    "a space at the end": ASK + b" ",
    "a key twice": ASK[:-1] + b',"x":1,"x":2}',
    "the model twice": ASK[:-1] + b',"model":"up"}',
    "a key twice within": b'{"model":"m","messages":[{"role":"user","role":"x"}]}',
    "a number written otherwise": ASK[:-1] + b',"x":1.0e5}',
    "a number with a zero": ASK[:-1] + b',"x":1.50}',
    "minus zero": ASK[:-1] + b',"x":-0}',
    "a long number": ASK[:-1] + b',"x":123456789012345678901234567890}',
    "an endless number": ASK[:-1] + b',"x":' + b"1" * 40 + b"}",
    "an escape": ASK.replace(b"hi", rb"\u0041"),
    "an escaped key": ASK.replace(b'"model"', rb'"mod\u0065l"'),
    "half a surrogate": ASK.replace(b"hi", rb"\ud800"),
    "no UTF-8": ASK.replace(b"hi", b"\xff"),
    "ten levels": ASK[:-1] + b',"x":' + b"[" * 10 + b"]" * 10 + b"}",
    "a hundred levels": ASK[:-1] + b',"x":' + b"[" * 100 + b"]" * 100 + b"}",
    "a byte order mark": b"\xef\xbb\xbf" + ASK,
    "NaN": ASK[:-1] + b',"x":NaN}',
    "nothing": b"",
    "no JSON": b"hi",
    "half": ASK[:-1],
    "a list": b"[]",
    "an empty object": b"{}",
    "no model": b'{"messages":[{"role":"user","content":"a"}]}',
    "null for the model": body(None),
    "a number for the model": body(5),
    "an empty model": body(""),
    "an unknown model": body("nobody"),
    "a model with a line end": body("m\r\nx: y"),
    "no messages": b'{"model":"m"}',
    "empty messages": body(messages=[]),
    "null for the messages": body(messages=None),
    "a text for the messages": body(messages="hi"),
    "stream: 0": body(stream=0),
    "stream: 0.0": body(stream=0.0),
    "stream: an empty text": body(stream=""),
    "stream: an empty list": body(stream=[]),
    "stream: an empty object": body(stream={}),
    "stream: 1": body(stream=1),
    "stream: a text": body(stream="true"),
    "metadata": body(metadata={"a": "b"}),
    "tags in the metadata": body(metadata={"tags": ["x"]}),
    "null for the metadata": body(metadata=None),
    "tags": body(tags=["x"]),
    "num_retries": body(num_retries=1),
    "timeout": body(timeout=20),
    "fallbacks": body(fallbacks=["up"]),
    "api_base": body(api_base="http://127.0.0.1:1"),
    "mock_response": body(mock_response="x"),
    "extra_body": body(extra_body={"x": 1}),
    "drop_params": body(drop_params=True),
    "a wildcard": body("any/up"),
    "over 48 KiB": body(x="x" * (48 * 1024 - len(body(x="")) + 1)),
    "1 MiB": body(x="x" * 2**20),
    "over the limit": body(x="x" * 2**21),
}  # fmt: skip


@pytest.mark.parametrize("name", ORDINARY)
async def test_an_ordinary_request(
    gateway: WitnessedGateway, upstream: Scripted, name: str
) -> None:
    seen = await compare(gateway, upstream, ORDINARY[name])
    assert seen.flown == LANDED
    assert (seen.heard.status, len(seen.asked)) == (200, 1)
    assert (b"x-litellm-response-cost" in seen.heard.head) == (name == "a price")


@pytest.mark.parametrize("name", OTHERS)
async def test_a_request_that_is_not(
    gateway: WitnessedGateway, upstream: Scripted, name: str
) -> None:
    seen = await compare(gateway, upstream, OTHERS[name])
    assert "flew" not in seen.flown


@pytest.mark.parametrize("name", PARAMS)
async def test_a_deployment_that_has_to_be_looked_at(
    gateway: WitnessedGateway, upstream: Scripted, name: str
) -> None:
    seen = await compare(gateway, upstream, body(name, user="u"))
    assert "flew" not in seen.flown


HEADERS = {
    "Expect: 100-continue": True,
    "Connection: keep-alive": True,
    "Accept-Encoding: gzip": True,
    "User-Agent: OpenAI/Python 1.0": True,
    "Cache-Control: no-cache": True,
    "Anthropic-Version: 2023-06-01": True,
    "X-HX-Model-Group: up": True,
    "X-Forwarded-For: 192.0.2.1": True,
    "Origin: http://a.example": False,
    "X-LiteLLM-Tags: a,b": False,
    "X-LiteLLM-Timeout: 20": False,
    "X-LiteLLM-Num-Retries: 0": False,
}


@pytest.mark.parametrize("header", HEADERS)
async def test_a_header(gateway: WitnessedGateway, upstream: Scripted, header: str) -> None:
    seen = await compare(gateway, upstream, more=f"{header}\r\n")
    assert seen.flown == (LANDED if HEADERS[header] else [])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"path": "/chat/completions"}, LANDED),
        ({"path": "/v1/chat/completions?api-version=1"}, LANDED),
        ({"path": "/engines/up/chat/completions"}, []),
    ],
    ids=str,
)
async def test_another_way_to_ask(
    gateway: WitnessedGateway, upstream: Scripted, options: dict[str, str], expected: list[str]
) -> None:
    assert (await compare(gateway, upstream, **options)).flown == expected


def usages() -> Iterator[tuple[str, Any]]:
    yield "none", None
    yield "empty", {}
    yield "nothing", {"prompt_tokens": 0, "completion_tokens": 0}
    yield (
        "details",
        {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 7},
            "completion_tokens_details": {"reasoning_tokens": 30},
        },
    )
    yield "null for the details", {"prompt_tokens": 1, "prompt_tokens_details": None}
    yield "more cached than there is", {"prompt_tokens_details": {"cached_tokens": 9}}
    yield "negative", {"prompt_tokens": -5, "completion_tokens": -1}
    yield "huge", {"prompt_tokens": 10**17, "completion_tokens": 1e300}
    yield "a point", {"prompt_tokens": 3.0, "completion_tokens": 2.5}
    yield "true", {"prompt_tokens": True, "completion_tokens": False}
    yield "texts", {"prompt_tokens": "3", "completion_tokens": "x"}
    yield "a list", []


@pytest.mark.parametrize(("name", "usage"), [*usages()])
async def test_what_it_cost(
    gateway: WitnessedGateway, upstream: Scripted, name: str, usage: Any
) -> None:
    act = answer(http(whole(usage=usage)))
    seen = await compare(gateway, upstream, body("priced"), (act,))
    assert seen.flown[0] == "flew"
    assert name in {"a list", "texts", "true"} or seen.flown == LANDED


@pytest.mark.parametrize("case", [*whole_answers()], ids=str)
async def test_a_bad_answer(gateway: WitnessedGateway, upstream: Scripted, case: Bad) -> None:
    act = answer(case.data, stays=not case.closes)
    seen = await compare(gateway, upstream, ASK, (act,))
    assert seen.flown[0] == "flew"
    assert seen.heard.status == case.status


LARGE = http(whole(x="x" * 20_000))
HUGE = http(whole(x="x" * 2**20))
CLOSING = http(whole(), "connection: close")
_CUT = GOOD[:-20]
ACTS: dict[str, tuple[Act, list[str]]] = {
    "20 KiB": (answer(LARGE), LANDED),
    "1 MiB": (answer(HUGE), CARRIED),
    "two pieces": (answer(GOOD[:100], GOOD[100:], gap=0.02), CARRIED),
    "the body later": (answer(GOOD[: -len(whole())], whole(), gap=0.02), CARRIED),
    "the head in two": (answer(GOOD[:20], GOOD[20:], gap=0.02), LANDED),
    "byte by byte": (answer(*[GOOD[at : at + 1] for at in range(len(GOOD))], gap=0.0001), CARRIED),
    "chunks": (answer(chunked(whole())), LANDED),
    "chunks, and their end later": (
        answer(chunked(whole(), end=b""), b"0\r\n\r\n", gap=0.02),
        CARRIED,
    ),
    "an interim answer first": (answer(b"HTTP/1.1 100 Continue\r\n\r\n", GOOD, gap=0.02), LANDED),
    "identity": (answer(http(whole(), "content-encoding: identity")), CARRIED),
    "its last": (answer(CLOSING, stays=False), LANDED),
    "its last, but it stays": (answer(CLOSING), LANDED),
    "HTTP/1.0 with a length": (answer(GOOD.replace(b"/1.1", b"/1.0"), stays=False), LANDED),
    "two answers": (answer(GOOD + GOOD), LANDED),
    "another answer later": (answer(GOOD, GOOD, gap=0.02), LANDED),
    "cut": (answer(_CUT, stays=False), CARRIED),
    "cut in the head": (answer(GOOD[:30], stays=False), CARRIED),
    "nothing": (answer(stays=False), CARRIED),
    "a reset": (reset, CARRIED),
    "a wait, told in seconds": (
        answer(http(b"{}", "retry-after: 7", status="429 Slow")),
        CARRIED,
    ),
}


@pytest.mark.parametrize("name", ACTS)
async def test_an_answer_on_its_way(
    gateway: WitnessedGateway, upstream: Scripted, name: str
) -> None:
    act, expected = ACTS[name]
    seen = await compare(gateway, upstream, ASK, (act,))
    # What is sent in pieces may come in one.
    assert seen.flown == expected or (seen.flown == LANDED and seen.heard.status == 200)
    assert len(seen.asked) == 1


@pytest.mark.parametrize("said", [b"", GOOD[:-20]], ids=["not at all", "not to its end"])
async def test_an_answer_that_does_not_come(
    gateway: WitnessedGateway, upstream: Scripted, said: bytes
) -> None:
    async def act(peer: Any) -> None:
        await peer.send(said)
        await upstream.hang(peer)

    seen = await compare(gateway, upstream, body("slow"), (act,))
    assert seen.flown == CARRIED
    assert seen.heard.status == 504


async def test_the_witness_sees_that_a_request_has_to_stay(
    gateway: WitnessedGateway, upstream: Scripted
) -> None:
    """The control of all others: with another word the comparison is of two that stayed."""
    seen = await see(gateway, upstream, OTHERS["spaces"])
    assert seen.flown == STAYED
    seen = await see(gateway, upstream, ASK, flies=False)
    assert seen.flown == []
    assert (await metrics(gateway))["litellm_in_flight_requests"] == 0
