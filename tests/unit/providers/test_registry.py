import pytest

from hx_gateway.providers.registry import PROVIDERS, UnknownProvider, find_provider


@pytest.mark.parametrize(
    ("model", "provider", "rest"),
    [
        ("openai/gpt-4o", "openai", "gpt-4o"),
        ("openai/org/model", "openai", "org/model"),
        ("gpt-4o", "openai", "gpt-4o"),
        ("whisper-1", "openai", "whisper-1"),
        ("ft:gpt-4o-2024-08-06", "openai", "ft:gpt-4o-2024-08-06"),
        ("o3-mini", "openai", "o3-mini"),
        ("text-embedding-3-small", "openai", "text-embedding-3-small"),
        ("ollama_chat/qwen3:8b", "ollama", "qwen3:8b"),
        ("ollama/*", "ollama", "*"),
        ("openai_like/x", "custom_openai", "x"),
        ("local/minilm", "local", "minilm"),
        ("demo/scripted", "demo", "scripted"),
    ],
)
def test_a_configured_model_names_its_vendor(model: str, provider: str, rest: str) -> None:
    found, name = find_provider(model)
    assert (found.name, name) == (provider, rest)


def test_an_explicit_vendor_wins_and_its_prefix_is_taken_off() -> None:
    assert find_provider("gpt-4o", named="groq")[0].name == "groq"
    assert find_provider("groq/x", named="groq")[1] == "x"
    assert find_provider("org/x", named="groq")[1] == "org/x"
    with pytest.raises(UnknownProvider):
        find_provider("gpt-4o", named="nobody")


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_base_url_names_the_vendor_that_lives_there(slash: str) -> None:
    base = f"https://api.groq.com/openai/v1{slash}"
    assert find_provider("llama-3", api_base=base)[0].name == "groq"
    with pytest.raises(UnknownProvider):
        find_provider("llama-3", api_base="https://elsewhere.test/v1")


@pytest.mark.parametrize("model", ["nobody/x", "llama-3", ""])
def test_an_unknown_model_is_an_error_that_names_it(model: str) -> None:
    with pytest.raises(UnknownProvider):
        find_provider(model)


def test_every_prefix_leads_to_a_whole_vendor() -> None:
    for prefix, provider in PROVIDERS.items():
        assert prefix == provider.name or prefix in provider.aliases
        assert provider.speaks
        assert all(provider.speaks.values())
        if provider.needs_key:
            assert provider.key_env
            # Who has no address of its own makes the whole path of each customer's.
            assert (provider.base_url or "").startswith("https://") or provider.locate
