"""A relayed body is the client's own, but for what must change: any JSON, in every dialect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.golden import KINDS, deployment_of

from hx_gateway.adapter.request import Lanes, prepare
from hx_gateway.core import wire
from hx_gateway.core.call import Call
from hx_gateway.providers.registry import PROVIDERS

# What a careless relay would change: white space, big and odd numbers, escapes, order.
VALUES = st.sampled_from(
    [
        b"null", b"true", b'""', b'"\\u00e9\\ud83d\\ude00"', b'"\\/ \\b\\f"', b'"\xc3\xa9 \xf0\x9f\x92\xa1"',
        b"1e3", b"1E+05", b"-0.0", b"1.10", b"123456789012345678901234567890",
        b"0.1000000000000000055511151231257", b"[ ]", b"{ }", b'[ 1 ,\t"a" ]',
        b'{"b":1,  "a":2,\n"c":3}', b'{"\\u0061":[{"z":{}}]}',
    ]
)  # fmt: skip
NAMES = st.sampled_from(
    ["temperature", "zeta", "alpha", "vendor_thing", "metadata", "tools", "x.y", "Größe", "a\\tb"]
)
RELAYED = [
    ("openai", "chat", b'"messages":[]'),
    ("openai", "complete", b'"prompt":"a"'),
    ("openai", "responses", b'"input":"a"'),
    ("anthropic", "messages", b'"messages":[]'),
    ("groq", "chat", b'"messages":[]'),
]


def call(kind: str, body: bytes, *, stream: bool = False) -> Call:
    operation, dialect = KINDS[kind]
    fields = wire.decode_fields(body)
    return Call(
        id="c", operation=operation, dialect=dialect, model="m", fields=fields, stream=stream
    )


@pytest.mark.parametrize(("vendor", "kind", "needed"), RELAYED)
@given(
    extra=st.dictionaries(NAMES, VALUES, max_size=6),
    space=st.sampled_from([b"", b" ", b"\n\t"]),
    stream=st.booleans(),
)
def test_nothing_but_the_model_and_the_usage_option_changes(
    vendor: str, kind: str, needed: bytes, extra: dict[str, bytes], space: bytes, stream: bool
) -> None:
    pairs = [b'"model":"m"', needed]
    pairs += [wire.encode(name) + space + b":" + space + value for name, value in extra.items()]
    asked = call(kind, b"{" + (space + b"," + space).join(pairs) + b"}", stream=stream)
    deployment = deployment_of(PROVIDERS[vendor])
    for prepared in (prepare(asked, deployment), Lanes().prepare(asked, deployment)):
        assert prepared.relayed
        assert prepared.changed == ()
        sent = wire.decode_fields(prepared.request.body)
        assert bytes(sent.pop("model")) == b'"upstream-model"'
        options = sent.pop("stream_options", None)
        assert options is None or stream
        kept = {name: bytes(value) for name, value in asked.fields.items() if name != "model"}
        assert [(name, bytes(value)) for name, value in sent.items()] == list(kept.items())
