"""Chat Completions as upstreams speak it."""

from collections.abc import Iterator, Mapping
from functools import lru_cache

import msgspec

from hx_gateway.core.chat import Chat
from hx_gateway.core.errors import UpstreamError
from hx_gateway.core.event import Event
from hx_gateway.core.provider import Question
from hx_gateway.core.usage import Usage
from hx_gateway.core.wire import Fields, name_raw, raw
from hx_gateway.dialects import openai_errors
from hx_gateway.dialects.foreign import OPENAI_ONLY
from hx_gateway.dialects.framed import FramedRelay
from hx_gateway.dialects.openai_chat.decode import ChatDecoder, decode_chat, find_usage
from hx_gateway.dialects.openai_chat.encode import STREAM_OPTIONS, TRUE, encode_chat
from hx_gateway.dialects.openai_relay import openai_relay
from hx_gateway.dialects.questions import as_chat, leave_out
from hx_gateway.dialects.tools import speakable
from hx_gateway.dialects.user import short_user, user_losses

_SHORT = 256
_OPTIONS = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)


class ChatOut(msgspec.Struct, frozen=True, kw_only=True):
    """The way out; see `WayOut`.

    Servers differ in what they take, and a translated call must do without the client's knowledge
    of them: `max_tokens_field` is the name of its limit, `lacks` are settings of `Chat` that the
    server refuses, `foreign` further fields. A relayed call is the client's own.
    """

    name: str = "openai_chat"
    path: str = "/chat/completions"
    max_tokens_field: str = "max_tokens"
    lacks: frozenset[str] = frozenset()
    foreign: frozenset[str] = OPENAI_ONLY

    def encode(self, question: Question, model: str, *, stream: bool) -> Fields:
        """Write the body of a translated call."""
        chat = speakable(leave_out(as_chat(question), self.lacks), self.name)
        fields = encode_chat(chat, model, stream=stream, max_tokens_field=self.max_tokens_field)
        return {name: value for name, value in fields.items() if name not in self.foreign}

    def drops(self, name: str) -> bool:
        """Tell whether a client's further field stays behind."""
        return name in self.foreign

    def losses(self, chat: Chat) -> Iterator[str]:
        """Note what depends on a value."""
        yield from user_losses(chat.user, short_user(chat.user))

    def adapt(self, fields: Fields, model: str, *, stream: bool) -> Fields:
        """Change the model, and ask for the usage of a stream; everything else stays."""
        adapted = {**fields, "model": name_raw(model)}
        if stream:
            adapted["stream_options"] = with_usage(fields.get("stream_options"))
        return adapted

    def decode(self, body: bytes) -> list[Event]:
        """Read a whole answer."""
        return decode_chat(body)

    def usage(self, body: bytes) -> Usage | None:
        """Find the usage of a relayed answer."""
        return find_usage(body)

    def decoder(self) -> ChatDecoder:
        """Start to read a stream."""
        return ChatDecoder()

    def relay(self, *, wants_usage: bool) -> FramedRelay:
        """Start to pass a stream on."""
        return openai_relay(wants_usage=wants_usage)

    def fault(self, status: int, headers: Mapping[bytes, bytes], body: bytes) -> UpstreamError:
        """Read an error answer."""
        return openai_errors.fault(status, headers, body)


def with_usage(options: msgspec.Raw | None) -> msgspec.Raw:
    """Add the usage to a client's stream options; what is no object is the upstream's to refuse."""
    if options is None:
        return STREAM_OPTIONS
    written = bytes(options)
    return _with_usage_again(written) if len(written) <= _SHORT else _with_usage(written)


def _with_usage(options: bytes) -> msgspec.Raw:
    try:
        known = _OPTIONS.decode(options)
    except msgspec.ValidationError:
        return msgspec.Raw(options)
    return raw({**known, "include_usage": TRUE}) if known else STREAM_OPTIONS


_with_usage_again = lru_cache(maxsize=64)(_with_usage)  # every client writes the same each time
WAY_OUT = ChatOut()
