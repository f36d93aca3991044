"""What a local model is asked, in its own terms."""

import msgspec

from hx_gateway.local.completion import ChatBody

MAX_TOKENS = 1024  # a tiny model may never end by itself
DEFAULT_TEMPERATURE = 0.2  # where it answers questions best; OpenAI's default of 1 makes it ramble
_ROLES = {"developer": "system", "tool": "user", "function": "user"}
_ANY_OBJECT = b'{"type":"object"}'


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """A chat for the model; `schema` is a JSON schema that the answer must fit."""

    messages: list[dict[str, str]]
    max_tokens: int = MAX_TOKENS
    temperature: float = DEFAULT_TEMPERATURE
    top_p: float | None = None
    stops: list[str] = []
    schema: str | None = None


def prompt_of(asked: ChatBody) -> Prompt:
    """Make a prompt of a request; raises InvalidRequest for what is not text."""
    return Prompt(
        messages=[
            {"role": _ROLES.get(turn.role, turn.role), "content": turn.text()}
            for turn in asked.messages
        ],
        max_tokens=asked.limit(MAX_TOKENS),
        temperature=DEFAULT_TEMPERATURE if asked.temperature is None else asked.temperature,
        top_p=asked.top_p,
        stops=asked.stops(),
        schema=_schema(asked),
    )


def _schema(asked: ChatBody) -> str | None:
    wanted = asked.response_format
    if wanted is None or wanted.type == "text":
        return None
    schema = _ANY_OBJECT
    if wanted.type == "json_schema" and wanted.json_schema is not None:
        schema = bytes(wanted.json_schema.schema)
    return schema.decode()
