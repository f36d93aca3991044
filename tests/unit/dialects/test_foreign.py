from msgspec import Raw

from hx_gateway.dialects.foreign import without_openai


def test_what_no_list_holds_goes_on() -> None:
    extra = {"store": Raw(b"true"), "zzz": Raw(b"1")}
    assert without_openai(extra) == {"zzz": Raw(b"1")}
