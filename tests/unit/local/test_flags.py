"""Booleans made findable."""

from hx_gateway.local.flags import flags_of, with_flags, without_flags


def test_every_boolean_is_listed_by_its_path() -> None:
    payload = {"a": True, "m": {"b": False, "l": [{"c": True}, {"c": False}, True]}, "n": 1}
    assert with_flags(payload) == {
        **payload,
        "_flags": ["a=true", "m.b=false", "m.l.c=false", "m.l.c=true", "m.l=true"],
    }


def test_a_payload_without_booleans_stays_as_it_is() -> None:
    assert with_flags({"a": 1, "b": "true", "c": None}) == {"a": 1, "b": "true", "c": None}


def test_the_list_is_taken_out_again() -> None:
    payload = {"a": {"b": True}}
    assert without_flags(with_flags(payload)) == payload


def test_a_path_through_an_array_is_the_same_with_and_without_brackets() -> None:
    assert flags_of("m.l[].c", True) == flags_of("m.l.c", True) == "m.l.c=true"
