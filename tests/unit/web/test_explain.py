"""Which calls can be explained."""

import pytest

from hx_gateway.core.errors import InvalidRequest
from hx_gateway.web.explain import KINDS, kind_of


@pytest.mark.parametrize(
    ("path", "dialect", "model"),
    [
        ("/v1/chat/completions", "openai_chat", None),
        ("/chat/completions", "openai_chat", None),
        ("/v1/completions", "openai_completions", None),
        ("/v1/messages", "anthropic_messages", None),
        ("/openai/v1/responses", "openai_responses", None),
        ("/v2/rerank", "cohere_rerank", None),
        ("/engines/a/b/chat/completions", "openai_chat", "a/b"),
        ("/openai/deployments/d/embeddings?api-version=1", "openai_embeddings", "d"),
    ],
)
def test_a_path_says_what_is_asked(path: str, dialect: str, model: str | None) -> None:
    assert kind_of(path)[1:] == (dialect, model)


@pytest.mark.parametrize("path", ["", "/v1/models", "/v1/audio/transcriptions", "chat/completions"])
def test_another_path_is_refused(path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        kind_of(path)
    assert caught.value.param == "path"


def test_each_kind_is_reached_under_v1() -> None:
    assert {kind_of(f"/v1/{tail}")[:2] for tail in KINDS} == set(KINDS.values())


@pytest.mark.parametrize(
    "path",
    ["/v1/audio/transcriptions", "/audio/translations", "/openai/deployments/m/images/variations"],
)
def test_a_route_for_files_says_why_it_cannot_be_explained(path: str) -> None:
    with pytest.raises(InvalidRequest, match="multipart/form-data") as caught:
        kind_of(path)
    assert caught.value.error_code == "unsupported_operation"
