"""Messages as upstreams speak them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Self

import msgspec

from hx_gateway.core.chat import Chat
from hx_gateway.core.errors import Garbled, UpstreamError
from hx_gateway.core.event import Event
from hx_gateway.core.provider import Question
from hx_gateway.core.usage import Usage
from hx_gateway.core.wire import NOT_JSON, Fields, name_raw
from hx_gateway.dialects.anthropic_messages import errors
from hx_gateway.dialects.anthropic_messages.decode import (
    MessageDecoder,
    decode_message,
    find_usage,
)
from hx_gateway.dialects.anthropic_messages.encode import MAX_TOKENS, encode_chat, losses
from hx_gateway.dialects.anthropic_messages.relay import (
    has_foreign_thoughts,
    without_foreign_thoughts,
)
from hx_gateway.dialects.anthropic_messages.repair import repaired
from hx_gateway.dialects.anthropic_messages.thinking import IMITATOR, Traits
from hx_gateway.dialects.anthropic_messages.watch import MessageWatcher
from hx_gateway.dialects.foreign import OPENAI_ONLY
from hx_gateway.dialects.framed import FramedRelay
from hx_gateway.dialects.questions import as_chat
from hx_gateway.dialects.tools import speakable

_COUNTED = ("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config")

# A model's own most can be more than what is left of its window, which some refuse; this is what
# the vendor's command line client asks for.
_AMPLE = 32_000


class _Count(msgspec.Struct):
    input_tokens: Annotated[int, msgspec.Meta(ge=0)]


_COUNT = msgspec.json.Decoder(_Count)


class MessagesOut(msgspec.Struct, frozen=True, kw_only=True):
    """The way out; see `WayOut`. `lacks` are settings of `Chat` it has no words for.

    `traits_of` says what a model takes, by its name; `traits` and `limit` are those of one model.
    """

    name: str = "anthropic_messages"
    path: str = "/v1/messages"
    count_path: str = "/v1/messages/count_tokens"
    lacks: frozenset[str] = frozenset(
        {
            "seed",
            "choices",
            "frequency_penalty",
            "presence_penalty",
            "logprobs",
            "top_logprobs",
        }
    )

    traits_of: Callable[[str], Traits] = lambda _: IMITATOR
    traits: Traits = IMITATOR
    limit: int = MAX_TOKENS

    def fitted(self, model: str, most: int | None) -> Self:
        """Give the way out to one model, which answers `most` tokens if that is known."""
        limit = self.limit if most is None else min(most, _AMPLE)
        return msgspec.structs.replace(self, traits=self.traits_of(model), limit=limit)

    def encode(self, question: Question, model: str, *, stream: bool) -> Fields:
        """Write the body of a translated call."""
        chat = speakable(as_chat(question), self.name)
        return encode_chat(chat, model, stream=stream, traits=self.traits, limit=self.limit)

    def counted(self, fields: Fields) -> Fields:
        """Give of a request's body what `count_path` takes: what is read, no settings."""
        return {name: fields[name] for name in _COUNTED if name in fields}

    def read_count(self, body: bytes) -> int:
        """Read the answer of `count_path`; raises Garbled."""
        try:
            return _COUNT.decode(body).input_tokens
        except NOT_JSON:
            raise Garbled("The upstream's answer is no count of tokens.") from None

    def repair(self, chat: Chat) -> tuple[Chat, tuple[str, ...]]:
        """Mend what the vendor would refuse; see `repaired`."""
        return repaired(chat)

    def drops(self, name: str) -> bool:
        """Tell whether a client's further field stays behind."""
        return name in OPENAI_ONLY

    def losses(self, chat: Chat) -> Iterator[str]:
        """Note what depends on a value; see `encode_chat`."""
        yield from losses(chat, self.traits)

    def adapt(self, fields: Fields, model: str, *, stream: bool) -> Fields:  # noqa: ARG002
        """Change the model, and leave out thoughts that the upstream would refuse."""
        adapted = {**fields, "model": name_raw(model)}
        messages = fields.get("messages")
        if messages is not None and has_foreign_thoughts(messages):
            adapted["messages"] = without_foreign_thoughts(messages)
        return adapted

    def decode(self, body: bytes) -> list[Event]:
        """Read a whole answer."""
        return decode_message(body)

    def usage(self, body: bytes) -> Usage | None:
        """Find the usage of a relayed answer."""
        return find_usage(body)

    def decoder(self) -> MessageDecoder:
        """Start to read a stream."""
        return MessageDecoder()

    def relay(self, *, wants_usage: bool) -> FramedRelay:  # noqa: ARG002 - it is always shown
        """Start to pass a stream on."""
        return FramedRelay(MessageWatcher())

    def fault(self, status: int, headers: Mapping[bytes, bytes], body: bytes) -> UpstreamError:
        """Read an error answer."""
        return errors.fault(status, headers, body)


WAY_OUT = MessagesOut()
