import msgspec

from hx_gateway.core.usage import Usage
from hx_gateway.dialects.anthropic_messages.usage import WireUsage, wire_usage


def test_usage_goes_both_ways() -> None:
    usage = Usage(input=100, output=5, cached_read=70, cached_write=20)
    assert msgspec.convert(wire_usage(usage), WireUsage).over(None) == usage


def test_a_later_piece_keeps_what_it_does_not_say() -> None:
    first = WireUsage(input_tokens=10, cache_read_input_tokens=70, output_tokens=1).over(None)
    assert WireUsage(output_tokens=9).over(first) == Usage(input=80, output=9, cached_read=70)


def test_negative_numbers_count_as_nothing() -> None:
    assert WireUsage(input_tokens=-4, output_tokens=-1).over(None) == Usage()
