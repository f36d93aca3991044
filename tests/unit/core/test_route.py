"""What a deployment says of itself."""

from hx_gateway.core.route import OnDisconnect


def test_a_policy_is_shown_as_it_is_written() -> None:
    assert [str(OnDisconnect(s)) for s in (0.0, 30.0, 0.5)] == ["cancel", "drain(30)", "drain(0.5)"]
