import pytest

from hx_gateway.core.errors import (
    ConfigError,
    DependencyError,
    GatewayError,
    MethodNotAllowed,
    Rejected,
    UpstreamError,
)


def all_of(kind: type[GatewayError]) -> set[type[GatewayError]]:
    return {kind}.union(*map(all_of, kind.__subclasses__()))


@pytest.mark.parametrize("kind", sorted(all_of(GatewayError), key=str))
def test_every_error_has_a_status_and_a_type(kind: type[GatewayError]) -> None:
    assert 400 <= kind.status < 600
    assert kind.type


def test_only_faults_that_may_pass_are_transient() -> None:
    transient = {kind for kind in all_of(UpstreamError) if getattr(kind, "transient", False)}
    assert all(kind.status >= 500 and getattr(kind, "retryable", False) for kind in transient)


def test_an_instance_may_say_more_than_its_class() -> None:
    error = Rejected("No.", code="tokens", type_="custom", status=413, upstream_status=413)
    assert (error.http_status, error.error_type, error.error_code) == (413, "custom", "tokens")
    assert Rejected("No.").http_status == Rejected.status


def test_a_dependency_is_named_by_role() -> None:
    error = DependencyError("PostgreSQL")
    assert "PostgreSQL" in error.message
    assert error.retry_after_s is not None


def test_methods_that_exist_are_kept_for_the_header() -> None:
    assert MethodNotAllowed("No.", allow=("GET",)).allow == ("GET",)


def test_all_problems_of_a_configuration_are_told() -> None:
    assert ConfigError(("one", "two")).problems == ("one", "two")
