"""A gateway that keeps answers, and requests whose answers are told beforehand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.e2e.conftest import simple_config
from tests.support.fetch import Answer
from tests.support.served import Gateway
from tests.support.upstream import Upstream


@asynccontextmanager
async def running(
    folder: Path, upstream: Upstream, env: dict[str, str] | None = None, **params: Any
) -> AsyncIterator[Gateway]:
    settings = {"cache": True, "cache_params": params}
    config = simple_config(upstream, litellm_settings=settings)
    served = Gateway(folder / "s", config=config, env=env)
    served.start()
    try:
        await served.wait_ready()
        yield served
    finally:
        await served.stop()


def asking(text: str, **more: Any) -> dict[str, Any]:
    content = f"Return exactly the text: {text}"
    return {"model": "chat-a", "messages": [{"role": "user", "content": content}], **more}


async def post(served: Gateway, body: object, key: str | None = None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await served.ask(
        "/v1/chat/completions", json=body, key=key or served.key, headers=named, timeout_s=60
    )
