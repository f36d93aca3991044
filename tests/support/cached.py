"""A gateway that keeps answers, and requests whose answers are told beforehand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from tests.e2e.conftest import simple_config
from tests.support.fetch import Answer
from tests.support.served import Gateway
from tests.support.upstream import Upstream


@asynccontextmanager
async def running(
    folder: Path,
    upstream: Upstream,
    env: dict[str, str] | None = None,
    timeout_s: float = 10.0,
    **params: Any,
) -> AsyncIterator[Gateway]:
    """Run one that waits long for its store: a miss must not come from a slow machine."""
    settings = {"cache": True, "cache_params": params}
    hx = {"cache": {"timeout": timeout_s}}
    config = simple_config(upstream, litellm_settings=settings, hx=hx)
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


async def burst(served: Gateway, body: object, count: int) -> list[int]:
    """Ask the same over many connections at once, which threads would not do; gives statuses."""
    data = msgspec.json.encode(body)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(data)}\r\n"
        f"authorization: Bearer {served.key}\r\n\r\n"
    )
    return await asyncio.gather(*(_status(served.port, head.encode() + data) for _ in range(count)))


async def _status(port: int, request: bytes) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        await writer.drain()
        async with asyncio.timeout(60):
            answer = await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()
    return int(answer.split(b" ", 2)[1])
