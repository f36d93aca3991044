import pytest

from hx_gateway.core.http import Origin, Request


@pytest.mark.parametrize(
    ("origin", "authority"),
    [
        (Origin(host="a.test", port=80), "a.test"),
        (Origin(host="a.test", port=8080), "a.test:8080"),
        (Origin(scheme="https", host="a.test", port=443), "a.test"),
        (Origin(scheme="https", host="a.test", port=80), "a.test:80"),
        (Origin(host="::1", port=4000), "[::1]:4000"),
    ],
)
def test_the_host_header_leaves_out_the_usual_port(origin: Origin, authority: str) -> None:
    assert origin.authority == authority


@pytest.mark.parametrize(
    ("origin", "is_local"),
    [
        (Origin(host="LOCALHOST"), True),
        (Origin(host="127.0.0.9"), True),
        (Origin(host="::1"), True),
        (Origin(host="elsewhere", socket_path="/run/s.sock"), True),
        (Origin(host="192.0.2.1"), False),
        (Origin(host="127.example"), False),
    ],
)
def test_who_is_on_the_machine_that_asks(origin: Origin, is_local: bool) -> None:
    assert origin.is_local is is_local


def test_a_request_keeps_its_head() -> None:
    request = Request("POST", "/v1", "a=b", {b"x-name": b"caf\xe9"}, received_at=1.5, body=b"body")
    assert (request.method, request.path, request.query) == ("POST", "/v1", "a=b")
    assert (request.header(b"x-name"), request.header(b"x-other")) == ("café", None)
    assert (request.body, request.stream, request.received_at) == (b"body", None, 1.5)
