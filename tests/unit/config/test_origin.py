import pytest

from hx_gateway.config.origin import parse_base_url, split_version
from hx_gateway.core.http import Origin


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        ("https://api.acme.test/v1", Origin(scheme="https", host="api.acme.test", port=443), "/v1"),
        ("http://localhost:11434", Origin(host="localhost", port=11434), ""),
        ("http://h/", Origin(host="h", port=80), ""),
        ("HTTPS://H:8443/a/b/", Origin(scheme="https", host="h", port=8443), "/a/b"),
        ("http://[::1]:1234/v1", Origin(host="::1", port=1234), "/v1"),
    ],
)
def test_a_base_url_is_split(url: str, origin: Origin, path: str) -> None:
    assert parse_base_url(url) == (origin, path)


@pytest.mark.parametrize(
    "url",
    [
        "api.acme.test",
        "ftp://h",
        "http://",
        "http://user:canary@h/v1",
        "http://h/v1?key=canary",
        "http://h/#canary",
        "http://h:99999",
        "http://h:port",
        "http://h/a b",
        "http://h\r\nx",
        "http://[::1",
        "",
    ],
)
def test_what_is_no_plain_base_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"must|has|is not") as caught:
        parse_base_url(url)
    assert "canary" not in str(caught.value)


def test_verification_of_certificates_can_be_switched_off() -> None:
    assert parse_base_url("https://h", verify_tls=False)[0].verify_tls is False


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        (
            "https://h/d/chat/completions?api-version=2025-01-01",
            ("https://h/d/chat/completions", "2025-01-01"),
        ),
        ("https://h/v1", ("https://h/v1", None)),
        ("https://h/v1?key=x", ("https://h/v1?key=x", None)),
        ("https://h/v1?api-version=1&key=x", ("https://h/v1?api-version=1&key=x", None)),
    ],
)
def test_a_version_is_taken_off_and_nothing_else(url: str, parts: tuple[str, str | None]) -> None:
    assert split_version(url) == parts
