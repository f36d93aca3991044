from socket import AF_INET, AF_INET6

from hx_gateway.transport.client.dial import Address, alternating


def test_families_take_turns_beginning_with_the_preferred_one() -> None:
    a, b, c = (AF_INET6, "a"), (AF_INET6, "b"), (AF_INET6, "c")
    x: Address = (AF_INET, "x")
    assert alternating([a, b, c, x]) == [a, x, b, c]
    assert alternating([x, a]) == [x, a]
    assert alternating([a]) == [a]
