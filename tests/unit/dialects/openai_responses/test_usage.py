import msgspec

from hx_gateway.core.usage import Usage
from hx_gateway.dialects.openai_responses.usage import WireUsage, wire_usage


def test_usage_goes_both_ways() -> None:
    usage = Usage(input=9, output=5, cached_read=4, cached_write=1, reasoning=2)
    assert msgspec.convert(wire_usage(usage), WireUsage).read() == usage


def test_nulls_and_negative_numbers_count_as_nothing() -> None:
    assert WireUsage(input_tokens=-1).read() == Usage()
