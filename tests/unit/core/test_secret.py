"""A secret shows itself nowhere."""

import pickle

import pytest

from hx_gateway.core.secret import Secret

CANARY = "sk-canary-0123456789"


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{!r}".format, lambda s: f"{s:>20}"])
def test_a_secret_is_not_shown(show) -> None:  # type: ignore[no-untyped-def]
    assert CANARY not in show(Secret(CANARY))


def test_a_secret_is_not_pickled() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(CANARY))


def test_reveal_gives_it() -> None:
    assert Secret(CANARY).reveal() == CANARY
    assert Secret(CANARY) == Secret(CANARY)
    assert not Secret("")
