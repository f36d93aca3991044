import pytest

from hx_gateway.dialects.user import opaque_user, short_user, user_losses

DEVICE = '{"device_id":"' + "a" * 64 + '","account_uuid":"","session_id":"b"}'


@pytest.mark.parametrize("user", [None, "", "u", "anna@example.com", "x" * 64])
def test_a_short_id_stays(user: str | None) -> None:
    assert short_user(user) == user


def test_a_long_id_becomes_one_that_fits_and_stays_the_same() -> None:
    """Symptom: Claude Code's id of 150 characters was refused by OpenAI."""
    short = short_user(DEVICE)
    assert short is not None
    assert len(short) == 64
    assert short == short_user(DEVICE) != short_user(DEVICE + " ")


@pytest.mark.parametrize("user", [None, "user_1", "3f2c-77ab", "A" * 256])
def test_an_opaque_id_stays(user: str | None) -> None:
    assert opaque_user(user) == user


@pytest.mark.parametrize(
    "user", ["anna@example.com", "+49 151 2345678", "491512345678", "Anna Meier", DEVICE, "", "é"]
)
def test_what_names_a_person_is_not_shown(user: str) -> None:
    shown = opaque_user(user)
    assert shown is not None
    assert len(shown) == 64
    assert opaque_user(shown) == shown or shown.isdigit()


def test_another_id_is_noted() -> None:
    assert list(user_losses("u", "u")) == []
    assert list(user_losses("u", "v")) == ["hash:user"]
