import pytest

from hx_gateway.dialects.openai_responses.reasoning import sealed, unsealed


@pytest.mark.parametrize("pair", [("s", None), (None, "r"), (None, None)])
def test_a_seal_comes_back_as_it_went(pair: tuple[str | None, str | None]) -> None:
    assert unsealed(sealed(*pair)) == pair
