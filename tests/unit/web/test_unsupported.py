"""Fields that nothing enforces are refused by name, unless they ask for nothing."""

import msgspec
import pytest

from hx_gateway.web.unsupported import NAMES, Checked, refusing


class Body(Checked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    wanted: str | None = None


REFUSING = refusing(Body)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [1, 0, "x", ["x"], {"x": 1}, True])
def test_a_value_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(msgspec.ValidationError, match=f"'{name}'"):
        msgspec.json.decode(msgspec.json.encode({name: value}), type=REFUSING)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [None, False, [], {}, ""])
def test_nothing_is_accepted(name: str, value: object) -> None:
    body = msgspec.json.decode(msgspec.json.encode({name: value, "wanted": "w"}), type=REFUSING)
    assert getattr(body, "wanted") == "w"  # noqa: B009


def test_spend_and_key_type_may_have_their_defaults_only() -> None:
    msgspec.json.decode(b'{"spend":0.0,"key_type":"default"}', type=REFUSING)
    for body in (b'{"spend":1}', b'{"key_type":"management"}'):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(body, type=REFUSING)


def test_what_a_body_has_itself_is_not_refused() -> None:
    class Own(Checked, frozen=True, kw_only=True, forbid_unknown_fields=True):
        tags: tuple[str, ...] = ()

    body = msgspec.json.decode(b'{"tags":["a"]}', type=refusing(Own))
    assert getattr(body, "tags") == ("a",)  # noqa: B009
    with pytest.raises(msgspec.ValidationError, match="'max_budget'"):
        msgspec.json.decode(b'{"max_budget":1}', type=refusing(Own))
