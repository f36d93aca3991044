"""The form of a key, and the name it is stored under."""

import hashlib

import pytest

from hx_gateway.auth.keys import is_key, is_key_id, key_id, new_key, shown


def test_new_keys_have_the_form_and_differ() -> None:
    made = {new_key() for _ in range(100)}
    assert len(made) == 100
    assert all(is_key(key) and len(key) >= 32 for key in made)


def test_key_id_is_litellms_token() -> None:
    assert key_id("sk-1234") == hashlib.sha256(b"sk-1234").hexdigest()


def test_two_keys_with_a_long_equal_beginning_have_different_ids() -> None:
    """Symptom elsewhere: a cache by the first characters let one token in as another."""
    assert key_id("sk-" + "a" * 200 + "1") != key_id("sk-" + "a" * 200 + "2")


def test_only_the_end_of_a_key_is_shown() -> None:
    assert shown("sk-0123456789abcdWXYZ") == "sk-...WXYZ"


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("sk-" + "a" * 29, True),
        ("sk-" + "a" * 28, False),
        ("sk-" + "a" * 254, False),
        ("pk-" + "a" * 40, False),
        ("sk-" + "a" * 28 + " b", False),
        ("sk-" + "a" * 40 + "\n", False),
        ("sk-" + "ä" * 40, False),
    ],
)
def test_form_of_a_key(text: str, fits: bool) -> None:
    assert is_key(text) is fits


@pytest.mark.parametrize(
    ("text", "fits"),
    [("a" * 64, True), ("A" * 64, False), ("a" * 63, False), ("a" * 64 + "\n", False)],
)
def test_form_of_a_key_id(text: str, fits: bool) -> None:
    assert is_key_id(text) is fits
