"""Where Azure is asked, and how it is shown a credential."""

import pytest

from hx_gateway.core.provider import Place
from hx_gateway.core.secret import Secret
from hx_gateway.providers.azure import PROVIDER

CHAT, RESPONSES = "/chat/completions", "/responses"


@pytest.mark.parametrize(
    ("base", "path", "version", "asked"),
    [
        ("", CHAT, "2024-06-01", "/openai/deployments/d/chat/completions?api-version=2024-06-01"),
        ("/openai", CHAT, "v0", "/openai/deployments/d/chat/completions?api-version=v0"),
        (
            "/openai/deployments/other",
            CHAT,
            "v0",
            "/openai/deployments/other/chat/completions?api-version=v0",
        ),
        (
            "/openai/deployments/other/chat/completions",
            CHAT,
            "v0",
            "/openai/deployments/other/chat/completions?api-version=v0",
        ),
        ("", RESPONSES, "v0", "/openai/responses?api-version=v0"),
        ("/openai/v1", CHAT, None, "/openai/v1/chat/completions"),
        ("", RESPONSES, "preview", "/openai/v1/responses?api-version=preview"),
        ("", CHAT, "v1", "/openai/v1/chat/completions"),
        ("", CHAT, "a&b", "/openai/deployments/d/chat/completions?api-version=a%26b"),
    ],
)
def test_the_path(base: str, path: str, version: str | None, asked: str) -> None:
    assert PROVIDER.locate is not None
    assert PROVIDER.locate(Place(base=base, path=path, model="d", version=version)) == asked


def test_a_model_cannot_leave_its_place_in_the_path() -> None:
    """A wildcard route puts what a caller wrote into the path."""
    assert PROVIDER.locate is not None
    asked = PROVIDER.locate(Place(base="", path=CHAT, model="../x?y=#", version="v0"))
    assert asked == "/openai/deployments/..%2Fx%3Fy%3D%23/chat/completions?api-version=v0"


@pytest.mark.parametrize(
    ("credential", "headers"),
    [
        (None, ()),
        (Secret("0123abc"), ((b"api-key", b"0123abc"),)),
        (Secret("eyJ0.eyJh.c2ln"), ((b"authorization", b"Bearer eyJ0.eyJh.c2ln"),)),
    ],
)
def test_the_credential(
    credential: Secret | None, headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    assert PROVIDER.auth.headers(credential) == headers
