"""A seal comes back as it went, and no vendor is given another's."""

import pytest

from hx_gateway.dialects.openai_responses.reasoning import own_seal, sealed, unsealed
from hx_gateway.dialects.seals import RESPONSES_SEAL


@pytest.mark.parametrize(
    "pair", [("s", None), (f"{RESPONSES_SEAL}g", None), (None, "r"), (None, None)]
)
def test_a_seal_comes_back_as_it_went(pair: tuple[str | None, str | None]) -> None:
    assert unsealed(sealed(*pair)) == pair


def test_an_upstream_is_given_only_what_it_sealed_itself() -> None:
    signature, _ = unsealed("gAAA")
    assert own_seal(signature) == "gAAA"
    for foreign in ("messages:ErUB", "redacted:x", "", None):
        assert own_seal(unsealed(foreign)[0]) is None


def test_a_client_of_the_format_sees_its_vendors_own_words() -> None:
    assert sealed(f"{RESPONSES_SEAL}gAAA", None) == "gAAA"
    assert sealed("ErUB", None) == "messages:ErUB"
