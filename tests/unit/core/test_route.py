"""What a deployment says of itself, and what stands behind a public name."""

from tests.support.deployments import deployment, route

from hx_gateway.core.route import OnDisconnect


def test_a_policy_is_shown_as_it_is_written() -> None:
    assert [str(OnDisconnect(s)) for s in (0.0, 30.0, 0.5)] == ["cancel", "drain(30)", "drain(0.5)"]


def test_a_route_with_one_deployment_has_nowhere_else_to_go() -> None:
    assert route("m", deployment("a")).is_alone
    assert not route("m", deployment("a"), deployment("b")).is_alone
