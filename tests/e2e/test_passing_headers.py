"""Headers of clients on their way to an upstream: those that may, where that is configured."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.served import MASTER_KEY, Gateway, running
from tests.support.upstream import Upstream

SENT = {
    "X-Trace-Id": "trace-1",
    "X-Title": "theirs",
    "X-Api-Key": "sk-client-secret",
    "X-Forwarded-For": "198.51.100.7",
    "X-Auth-Token": "sk-client-secret",
    "Cookie": "session=sk-client-secret",
    "X-LiteLLM-Tags": "a",
    "X-Hop": "1",
    "Connection": "X-Hop",
}


def config(base: str) -> dict[str, Any]:
    def entry(name: str) -> dict[str, Any]:
        params = {"model": "openai/scripted", "api_base": base, "api_key": "sk-upstream"}
        return {
            "model_name": name,
            "litellm_params": {**params, "extra_headers": {"X-Title": "ours"}},
        }

    groups = {"forward_client_headers_to_llm_api": ["open"]}
    return {
        "model_list": [entry("open"), entry("closed")],
        "litellm_settings": {"model_group_settings": groups},
    }


async def sent_on(gateway: Gateway, upstream: Upstream, model: str, path: str) -> dict[str, str]:
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9}
    answer = await gateway.ask(path, json=body, headers=SENT)
    assert answer.status == 200
    return {name.lower(): value for name, value in upstream.asked[-1].headers.items()}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_only_models_that_say_so_are_sent_headers_and_never_a_credential(
    path: str, tmp_path: Path
) -> None:
    async with (
        Upstream() as upstream,
        running(tmp_path, config=config(upstream.base_url)) as gateway,
    ):
        opened = await sent_on(gateway, upstream, "open", path)
        closed = await sent_on(gateway, upstream, "closed", path)
    assert opened["x-trace-id"] == "trace-1"
    assert set(opened) - set(closed) == {"x-trace-id"}
    for headers in (opened, closed):
        assert headers["authorization"] == "Bearer sk-upstream"
        assert headers["x-title"] == "ours"
        shown = repr(headers)
        assert "sk-client-secret" not in shown
        assert MASTER_KEY not in shown
        assert "198.51.100.7" not in shown
