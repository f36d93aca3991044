import msgspec
import pytest

from hx_gateway.config.option import SECTIONS, Option
from hx_gateway.config.options import OPTIONS
from hx_gateway.config.scalar import READERS

# Fields that nobody sets: they say how the process was started, or what was found.
DERIVED = {"auth.dev", "auth.master_key_generated"}


def test_every_setting_of_the_snapshot_has_its_option() -> None:
    fields = {
        f"{name}.{field.name}"
        for name, section in SECTIONS.items()
        for field in msgspec.structs.fields(section)
    }
    assert {option.path for option in OPTIONS} == fields - DERIVED


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.path)
def test_every_option_can_be_read_and_is_described(option: Option) -> None:
    assert option.field.type in READERS
    assert option.doc.endswith(".")


def test_no_variable_sets_two_options() -> None:
    names = [name for option in OPTIONS for name in (*option.env, *option.off_env)]
    assert len(names) == len(set(names))
