import msgspec

from hx_gateway.core.usage import Usage
from hx_gateway.dialects.openai_usage import WireUsage, wire_usage


def test_usage_goes_both_ways() -> None:
    usage = Usage(input=9, output=5, cached_read=4, reasoning=2)
    assert msgspec.convert(wire_usage(usage), WireUsage).read() == usage


def test_nulls_and_negative_numbers_count_as_nothing() -> None:
    seen = msgspec.json.decode(
        b'{"prompt_tokens":-5,"completion_tokens":null,"prompt_tokens_details":null}',
        type=WireUsage,
    )
    assert seen.read() == Usage()


def test_whole_numbers_may_be_written_with_a_point() -> None:
    """Symptom: a good answer was refused for its `"prompt_tokens": 7.0`."""
    seen = msgspec.json.decode(b'{"prompt_tokens":7.0,"completion_tokens":1.5}', type=WireUsage)
    assert seen.read() == Usage(input=7, output=2)
