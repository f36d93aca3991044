import pytest

from hx_gateway.core.errors import ConfigError
from hx_gateway.core.http import Origin
from hx_gateway.transport.client import Proxies, Proxy, proxies_from

HTTP = Origin(host="api.example.com", port=80)
HTTPS = Origin(scheme="https", host="api.example.com", port=443)
A = Proxy(host="a", port=3128)
B = Proxy(host="b", port=80)


@pytest.mark.parametrize(
    ("env", "http", "https"),
    [
        ({}, None, None),
        ({"http_proxy": "http://a:3128"}, A, None),
        ({"HTTPS_PROXY": "http://a:3128"}, None, A),
        ({"https_proxy": "a:3128"}, None, A),
        ({"http_proxy": "http://a:3128", "HTTP_PROXY": "http://b"}, A, None),
        ({"http_proxy": "", "HTTP_PROXY": "http://b"}, None, None),
        ({"ALL_PROXY": "http://b/", "https_proxy": "http://a:3128"}, B, A),
        ({"all_proxy": "http://b"}, B, B),
    ],
)
def test_environment_names_the_proxy_of_each_scheme(
    env: dict[str, str], http: Proxy | None, https: Proxy | None
) -> None:
    proxies = proxies_from(env)
    assert (proxies.choose(HTTP), proxies.choose(HTTPS)) == (http, https)


def test_userinfo_becomes_a_decoded_basic_credential_that_is_not_shown() -> None:
    proxy = proxies_from({"http_proxy": "http://us%40er:p%3Aw@a:3128"}).http
    assert proxy is not None
    assert proxy.authorization is not None
    assert proxy.authorization.reveal() == "Basic dXNAZXI6cDp3"
    assert "dXNAZXI6cDp3" not in repr(proxy)


@pytest.mark.parametrize(
    "value",
    [
        "socks5://s3cret@a:1",
        "https://u:s3cret@a",
        "http://",
        "http://u:s3cret@a:99999",
        "http://u:s3cret",
    ],
)
def test_unusable_proxy_is_refused_by_name_without_its_value(value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        proxies_from({"HTTPS_PROXY": value})
    assert str(caught.value).startswith("HTTPS_PROXY: ")
    assert "s3cret" not in str(caught.value)


def test_an_unusable_proxy_for_all_is_one_problem() -> None:
    with pytest.raises(ConfigError) as caught:
        proxies_from({"ALL_PROXY": "socks5://a:1"})
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("no_proxy", "host", "port", "straight"),
    [
        ("", "api.example.com", 443, False),
        ("*", "api.example.com", 443, True),
        ("example.com", "api.example.com", 443, True),
        (".example.com", "api.example.com", 443, True),
        ("*.example.com", "api.example.com", 443, True),
        ("EXAMPLE.com", "api.example.COM", 443, True),
        ("other.org, example.com", "api.example.com", 443, True),
        ("ample.com", "api.example.com", 443, False),
        ("example.com:443", "api.example.com", 443, True),
        ("example.com:444", "api.example.com", 443, False),
        ("192.0.2.0/24", "192.0.2.7", 443, True),
        ("192.0.2.0/24", "198.51.100.7", 443, False),
        ("192.0.2.7", "192.0.2.7", 443, True),
        ("2001:db8::/32", "2001:db8::1", 443, True),
        ("2001:db8::1", "2001:db8::1", 443, True),
        ("[2001:db8::1]:443", "2001:db8::1", 443, True),
        ("[2001:db8::1]:444", "2001:db8::1", 443, False),
        ("", "localhost", 443, True),
        ("", "127.0.0.1", 443, True),
        ("", "::1", 443, True),
    ],
)
def test_no_proxy_decides_who_is_reached_straight(
    no_proxy: str, host: str, port: int, *, straight: bool
) -> None:
    proxies = proxies_from({"https_proxy": "http://a:3128", "no_proxy": no_proxy})
    chosen = proxies.choose(Origin(scheme="https", host=host, port=port))
    assert (chosen is None) == straight


def test_unix_socket_is_never_reached_through_a_proxy() -> None:
    assert Proxies(http=A).choose(Origin(host="x", socket_path="/run/x")) is None
