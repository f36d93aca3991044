"""The official SDKs as clients of one broken stream each: what would a program see?"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import anthropic
import msgspec
import openai
from tests.support.served import Gateway

NODE_SDKS = ("openai@7.57.0", "@anthropic-ai/sdk@1.14.0")
_SCRIPT = Path(__file__).parent / "node" / "trials.mjs"


class Seen(msgspec.Struct, kw_only=True):
    """What a program sees of a stream: `raised` is the exception, by name; `status` its status."""

    text: str = ""
    errors: int = 0
    complete: bool = False
    raised: str | None = None
    status: int | None = None

    @property
    def looks_whole(self) -> bool:
        """Whether a program that checks nothing but exceptions and errors takes it for whole."""
        return self.raised is None and not self.errors

    def note(self, event: Any) -> None:
        """Look at one event as the SDK gives it."""
        kind = getattr(event, "type", "")
        for choice in getattr(event, "choices", ()):
            self.text += choice.delta.content or ""
            self.complete |= bool(choice.finish_reason)
        if kind == "content_block_delta":
            self.text += event.delta.text
        elif kind == "response.output_text.delta":
            self.text += event.delta
        self.complete |= kind in {"message_stop", "response.completed"}
        self.errors += kind == "error"

    def catch(self, error: Exception) -> None:
        """Note an exception."""
        self.raised = type(error).__name__
        self.status = getattr(error, "status_code", None)


class Sdk(Protocol):
    """One SDK; `begun` is called in the event loop's thread at the first event."""

    async def stream(
        self, dialect: str, model: str, prompt: str, begun: Callable[[], None]
    ) -> Seen: ...


def _messages(prompt: str) -> Any:
    return [{"role": "user", "content": prompt}]


class PythonAsync:
    """openai-python and anthropic, asynchronous."""

    def __init__(self, gateway: Gateway) -> None:
        key = gateway.key or ""
        self._openai = openai.AsyncOpenAI(
            base_url=f"{gateway.url}/v1", api_key=key, max_retries=0, timeout=60
        )
        self._anthropic = anthropic.AsyncAnthropic(
            base_url=gateway.url, api_key=key, max_retries=0, timeout=60
        )

    async def stream(
        self, dialect: str, model: str, prompt: str, begun: Callable[[], None]
    ) -> Seen:
        seen, first = Seen(), True
        try:
            async for event in await self._open(dialect, model, prompt):
                if first:
                    begun()
                first = False
                seen.note(event)
        except Exception as error:  # noqa: BLE001 - which one it is, is the question
            seen.catch(error)
        return seen

    async def _open(self, dialect: str, model: str, prompt: str) -> Any:
        if dialect == "openai_chat":
            return await self._openai.chat.completions.create(
                model=model, messages=_messages(prompt), stream=True
            )
        if dialect == "openai_responses":
            return await self._openai.responses.create(
                model=model, input=prompt, store=False, stream=True
            )
        return await self._anthropic.messages.create(
            model=model, max_tokens=100, messages=_messages(prompt), stream=True
        )

    async def aclose(self) -> None:
        await self._openai.close()
        await self._anthropic.close()


class PythonSync:
    """The same, synchronous, in threads."""

    def __init__(self, gateway: Gateway) -> None:
        key = gateway.key or ""
        self._openai = openai.OpenAI(
            base_url=f"{gateway.url}/v1", api_key=key, max_retries=0, timeout=60
        )
        self._anthropic = anthropic.Anthropic(
            base_url=gateway.url, api_key=key, max_retries=0, timeout=60
        )

    async def stream(
        self, dialect: str, model: str, prompt: str, begun: Callable[[], None]
    ) -> Seen:
        loop = asyncio.get_running_loop()

        def run() -> Seen:
            seen, first = Seen(), True
            try:
                for event in self._open(dialect, model, prompt):
                    if first:
                        loop.call_soon_threadsafe(begun)
                    first = False
                    seen.note(event)
            except Exception as error:  # noqa: BLE001 - as above
                seen.catch(error)
            return seen

        return await asyncio.to_thread(run)

    def _open(self, dialect: str, model: str, prompt: str) -> Iterator[Any]:
        if dialect == "openai_chat":
            return self._openai.chat.completions.create(
                model=model, messages=_messages(prompt), stream=True
            )
        if dialect == "openai_responses":
            return self._openai.responses.create(
                model=model, input=prompt, store=False, stream=True
            )
        return self._anthropic.messages.create(
            model=model, max_tokens=100, messages=_messages(prompt), stream=True
        )

    async def aclose(self) -> None:
        self._openai.close()
        self._anthropic.close()


class Node:
    """openai-node and its sister, in one Node process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = itertools.count()
        self._waiting: dict[int, tuple[Callable[[], None], asyncio.Future[Seen]]] = {}
        self._reading = asyncio.ensure_future(self._read())

    async def stream(
        self, dialect: str, model: str, prompt: str, begun: Callable[[], None]
    ) -> Seen:
        number = next(self._numbers)
        answer: asyncio.Future[Seen] = asyncio.get_running_loop().create_future()
        self._waiting[number] = (begun, answer)
        trial = {"seed": number, "dialect": dialect, "model": model, "prompt": prompt}
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(trial) + b"\n")
        return await answer

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            said = msgspec.json.decode(line)
            begun, answer = self._waiting[said["seed"]]
            if said.get("begun"):
                begun()
            else:
                answer.set_result(msgspec.convert(said, Seen))

    async def aclose(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await asyncio.wait_for(self._process.wait(), 60.0)
        await self._reading


async def install_node_sdks(folder: Path) -> None:
    """Install the SDKs from the npm registry into a folder; raises AssertionError when it fails."""
    (folder / "package.json").write_text('{"type": "module", "private": true}')
    (folder / "trials.mjs").write_bytes(_SCRIPT.read_bytes())
    command = (
        "npm",
        "install",
        "--no-audit",
        "--no-fund",
        "--silent",
        "--fetch-retries=5",
        *NODE_SDKS,
    )
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 300.0)
    assert process.returncode == 0, said.decode()


@asynccontextmanager
async def node(gateway: Gateway, folder: Path) -> AsyncIterator[Node]:
    """Run the Node SDKs against a gateway."""
    process = await asyncio.create_subprocess_exec(
        "node",
        "trials.mjs",
        gateway.url,
        gateway.key or "",
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    running = Node(process)
    try:
        yield running
    finally:
        await running.aclose()
