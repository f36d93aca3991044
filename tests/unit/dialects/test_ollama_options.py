import pytest
from msgspec import Raw

from hx_gateway.core.errors import InvalidRequest
from hx_gateway.dialects.ollama_options import options_of, top_level_of


def test_known_names_are_picked_and_names_win_over_the_object() -> None:
    extra = {
        "num_ctx": Raw(b"2"),
        "options": Raw(b'{"num_ctx":1,"odd":3}'),
        "keep_alive": Raw(b'"5m"'),
        "zzz": Raw(b"4"),
    }
    assert options_of(extra) == {"num_ctx": Raw(b"2"), "odd": Raw(b"3")}
    assert top_level_of(extra) == {"keep_alive": Raw(b'"5m"')}


def test_options_must_be_an_object() -> None:
    with pytest.raises(InvalidRequest, match="'options'"):
        options_of({"options": Raw(b"7")})
