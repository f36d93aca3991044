from hx_gateway.config.describe import settings_reference
from hx_gateway.config.known import open_known
from hx_gateway.config.options import OPTIONS


def test_every_setting_variable_and_key_is_in_the_reference() -> None:
    known = open_known()
    page = settings_reference(known)
    for option in OPTIONS:
        assert f"| `{option.path.partition('.')[2]}`" in page
        assert option.doc in page
        for name in (*option.env, *option.off_env, *option.litellm):
            assert f"`{name}`" in page
    for keys in known.values():
        assert all(f"`{name}`" in page for name in keys.all)


def test_the_reference_does_not_change_from_run_to_run() -> None:
    assert settings_reference(open_known()) == settings_reference(open_known())
