import pytest

from hx_gateway.core.errors import InvalidRequest, Unreachable
from hx_gateway.core.http import HttpRequest, Origin
from hx_gateway.core.secret import Secret
from hx_gateway.transport.client.head import framing, way_to, write_head
from hx_gateway.transport.client.proxies import Proxy

DIRECT = way_to(Origin(host="api.example.com", port=8080), None)
PROXY = Proxy(host="proxy", port=3128, authorization=Secret("Basic eDp5"))


def test_head_has_host_length_and_identity_and_the_headers_as_given() -> None:
    request = HttpRequest(path="/v1/x?a=b", headers=((b"X-One", b"1"),), body=b"{}")
    assert write_head(request, DIRECT) + framing(request) == (
        b"POST /v1/x?a=b HTTP/1.1\r\n"
        b"Host: api.example.com:8080\r\n"
        b"Accept-Encoding: identity\r\n"
        b"X-One: 1\r\n"
        b"Content-Length: 2\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (Origin(host="a", port=80), b"Host: a\r\n"),
        (Origin(scheme="https", host="a", port=443), b"Host: a\r\n"),
        (Origin(scheme="https", host="a", port=80), b"Host: a:80\r\n"),
        (Origin(host="::1", port=81), b"Host: [::1]:81\r\n"),
        (Origin(host="münchen.example"), b"Host: xn--mnchen-3ya.example\r\n"),
    ],
)
def test_host_is_the_authority_in_ascii(origin: Origin, host: bytes) -> None:
    assert host in write_head(HttpRequest(path="/"), way_to(origin, None))


@pytest.mark.parametrize("host", ["é" * 70, "a..é"])
def test_host_that_cannot_be_a_name_is_unreachable(host: str) -> None:
    with pytest.raises(Unreachable):
        way_to(Origin(host=host), None)


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [
        ("GET", b"", b""),
        ("DELETE", b"", b""),
        ("POST", b"", b"Content-Length: 0\r\n"),
        ("PUT", b"", b"Content-Length: 0\r\n"),
        ("GET", b"x", b"Content-Length: 1\r\n"),
    ],
)
def test_length_is_told_where_a_body_is_expected(method: str, body: bytes, length: bytes) -> None:
    assert framing(HttpRequest(method=method, path="/", body=body)) == length + b"\r\n"


def test_proxied_http_has_the_absolute_form_and_the_proxy_credential() -> None:
    way = way_to(Origin(host="api.example.com"), PROXY)
    head = write_head(HttpRequest(method="GET", path="/x"), way)
    assert head.startswith(b"GET http://api.example.com/x HTTP/1.1\r\nHost: api.example.com\r\n")
    assert b"Proxy-Authorization: Basic eDp5\r\n" in head


def test_tunnelled_https_does_not_show_the_proxy_credential_to_the_upstream() -> None:
    way = way_to(Origin(scheme="https", host="api.example.com", port=443), PROXY)
    head = write_head(HttpRequest(method="GET", path="/x"), way)
    assert head.startswith(b"GET /x HTTP/1.1\r\n")
    assert b"Proxy-Authorization" not in head


@pytest.mark.parametrize(
    "evil", [b"a\r\nX: y", b"a\ny", b"a\ry", b"a\0y", b"\r\n\r\nGET / HTTP/1.1"]
)
@pytest.mark.parametrize("place", ["name", "value"])
def test_header_that_breaks_out_of_its_line_is_refused(evil: bytes, place: str) -> None:
    header = (evil, b"v") if place == "name" else (b"X-N", evil)
    with pytest.raises(InvalidRequest):
        write_head(HttpRequest(path="/", headers=((b"A", b"b"), header)), DIRECT)


@pytest.mark.parametrize(
    "path", ["", "x", "/a b", "/a\r\nX: y", "/a\n", "/a\0", "/é", "/ HTTP/1.1\r\nX: y", "//é"]
)
def test_path_that_breaks_out_of_the_request_line_is_refused(path: str) -> None:
    with pytest.raises(InvalidRequest):
        write_head(HttpRequest(path=path), DIRECT)


@pytest.mark.parametrize(
    "name",
    [
        b"Host",
        b"content-length",
        b"Transfer-Encoding",
        b"connection",
        b"TE",
        b"Proxy-Authorization",
    ],
)
def test_header_of_the_connection_is_not_taken_from_a_caller(name: bytes) -> None:
    with pytest.raises(InvalidRequest):
        write_head(HttpRequest(path="/", headers=((name, b"x"),)), DIRECT)
