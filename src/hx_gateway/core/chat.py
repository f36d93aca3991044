"""The hub of translation: a chat request in no vendor's words.

Every way in reads its body into a `Chat`; every way out writes its body from one. What no field
here can hold rides in `extra` under the client's own name.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from msgspec import Raw


class Role(StrEnum):
    """Who speaks. Developer messages are system messages; tool results are user-side parts."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Text(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Plain text; `cache` marks a prompt-cache breakpoint after it, as raw vendor JSON."""

    text: str
    cache: Raw | None = None


class Image(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A picture: a URL, or base64 `data` with its media type."""

    url: str | None = None
    data: str | None = None
    media_type: str | None = None
    detail: str | None = None
    cache: Raw | None = None


class Document(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A file or a sound that only some upstreams take: kept as the client's own JSON."""

    kind: str
    raw: Raw
    cache: Raw | None = None


class Thinking(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A reasoning block; `signature` lets its vendor verify it, `redacted` is its opaque form.

    A signature of Responses begins with `responses:`, so that no vendor is sent another's.
    """

    text: str = ""
    signature: str | None = None
    redacted: str | None = None


class ToolUse(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The model calls a tool; `arguments` is JSON text, exactly as it was written.

    Those of a `custom` tool are any text.
    """

    id: str
    name: str
    arguments: str
    custom: bool = False
    cache: Raw | None = None


class ToolResult(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What a tool answered to the call `id`."""

    id: str
    parts: tuple[Text | Image | Document, ...]
    is_error: bool = False
    cache: Raw | None = None


class Refusal(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The model declined, in its own words."""

    text: str


Part = Text | Image | Document | Thinking | ToolUse | ToolResult | Refusal


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One turn. A tool's answer is a message of role TOOL with one ToolResult part."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A function the model may call; `parameters` is its JSON schema.

    A `custom` tool takes any text, perhaps of a `format`. `raw` keeps a tool that only one
    `dialect` knows, as the client wrote it.
    """

    name: str
    description: str | None = None
    parameters: Raw | None = None
    strict: bool | None = None
    cache: Raw | None = None
    custom: bool = False
    format: Raw | None = None
    raw: Raw | None = None
    dialect: str | None = None


class ToolChoice(msgspec.Struct, frozen=True, kw_only=True):
    """`mode`: auto, none, required, or tool (then `name`)."""

    mode: str
    name: str | None = None


class OutputFormat(msgspec.Struct, frozen=True, kw_only=True):
    """`kind`: text, json_object or json_schema (then `schema` and, if given, name and strict)."""

    kind: str
    schema: Raw | None = None
    name: str | None = None
    strict: bool | None = None
    description: str | None = None


class Reasoning(msgspec.Struct, frozen=True, kw_only=True):
    """How much to think: `effort` (OpenAI's words) or `budget_tokens` (Anthropic's); or off.

    `if_able`: the client would like it so, and does not ask a model to think that cannot.
    """

    effort: str | None = None
    budget_tokens: int | None = None
    enabled: bool = True
    if_able: bool = False
    summary: str | None = None


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """One chat request. None means the client did not say."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    choices: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    output: OutputFormat | None = None
    reasoning: Reasoning | None = None
    user: str | None = None
    extra: Mapping[str, Raw] = {}


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """One rerank request; `documents` are texts, or objects that hold one, as the client's JSON."""

    query: str
    documents: tuple[Raw, ...]
    top_n: int | None = None
    return_documents: bool | None = None
    extra: Mapping[str, Raw] = {}


class Opaque(msgspec.Struct, frozen=True, kw_only=True):
    """A request that nobody translates: the client's own fields, for upstreams that take them."""

    extra: Mapping[str, Raw]


class Embedding(msgspec.Struct, frozen=True, kw_only=True):
    """One embeddings request: texts, or token lists where the upstream takes them."""

    inputs: tuple[str, ...] | tuple[tuple[int, ...], ...]
    dimensions: int | None = None
    encoding: str | None = None
    user: str | None = None
    extra: Mapping[str, Raw] = {}
