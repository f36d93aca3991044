"""TensorZero's own HTTP gateway (Rust), as its Python package embeds it; prints where it answers.

    python bench/tensorzero_gateway.py CONFIG

No authentication, no observability: what it does by itself, and nothing else.
"""

import asyncio
import sys

from tensorzero import tensorzero


async def main(config: str) -> None:
    started = tensorzero._start_http_gateway(  # noqa: SLF001 - the only way to it from a wheel
        config_file=config,
        clickhouse_url=None,
        postgres_url=None,
        valkey_url=None,
        async_setup=True,
    )
    gateway = await started
    print(gateway.base_url, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
