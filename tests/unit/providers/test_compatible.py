import pytest
from msgspec import Raw

from hx_gateway.core.call import Operation
from hx_gateway.core.provider import Draft, Provider
from hx_gateway.providers.compatible import PROVIDERS


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_a_row_is_a_whole_vendor(provider: Provider) -> None:
    assert all(name.isupper() for name in (*provider.key_env, *provider.base_env))
    assert provider.base_url is None or not provider.base_url.endswith("/")
    assert Operation.EMBED in provider.speaks


def test_environment_names_follow_from_the_name_unless_a_row_says_more() -> None:
    table = {provider.name: provider for provider in PROVIDERS}
    assert table["groq"].key_env == ("GROQ_API_KEY",)
    assert table["groq"].base_env == ("GROQ_API_BASE",)
    assert table["huggingface"].key_env == ("HUGGINGFACE_API_KEY", "HF_TOKEN")


def test_embedding_vendors_do_not_chat() -> None:
    table = {provider.name: provider for provider in PROVIDERS}
    assert Operation.CHAT not in table["jina_ai"].speaks


def test_a_vendor_that_knows_the_older_name_of_a_limit_is_sent_that_one() -> None:
    table = {provider.name: provider for provider in PROVIDERS}
    draft = Draft(path="/x", fields={"max_completion_tokens": Raw(b"5")})
    for quirk in table["poe"].quirks:
        draft = quirk(draft)
    assert draft.fields == {"max_tokens": Raw(b"5")}
    assert table["zai"].quirks == ()
