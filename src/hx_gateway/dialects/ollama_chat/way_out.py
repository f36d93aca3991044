"""`/api/chat` as the gateway asks it. No client speaks it to us, so it is always translated."""

from collections.abc import Iterator, Mapping

import msgspec

from hx_gateway.core.chat import Chat
from hx_gateway.core.errors import UpstreamError
from hx_gateway.core.event import Event, Used
from hx_gateway.core.provider import Question
from hx_gateway.core.usage import Usage
from hx_gateway.core.wire import Fields, raw
from hx_gateway.dialects import ollama_errors
from hx_gateway.dialects.ndjson import WholeLines
from hx_gateway.dialects.ollama_chat.decode import ChatDecoder, decode_chat
from hx_gateway.dialects.ollama_chat.encode import encode_chat
from hx_gateway.dialects.ollama_options import is_known
from hx_gateway.dialects.questions import as_chat
from hx_gateway.dialects.tools import speakable
from hx_gateway.dialects.watch import WatchedRelay


class ChatOut(msgspec.Struct, frozen=True, kw_only=True):
    """The way out; see `WayOut`. `lacks` are settings of `Chat` it has no words for."""

    name: str = "ollama_chat"
    path: str = "/api/chat"
    lacks: frozenset[str] = frozenset({"choices", "parallel_tools", "user"})

    def encode(self, question: Question, model: str, *, stream: bool) -> Fields:
        """Write the body."""
        return encode_chat(speakable(as_chat(question), self.name), model, stream=stream)

    def drops(self, name: str) -> bool:
        """Tell whether a client's further field stays behind."""
        return not is_known(name)

    def losses(self, chat: Chat) -> Iterator[str]:
        """Note what depends on a value: this server lets no client force a tool."""
        if chat.tool_choice is not None and chat.tool_choice.mode in {"required", "tool"}:
            yield "drop:tool_choice"

    def adapt(self, fields: Fields, model: str, *, stream: bool) -> Fields:
        """Change the model, and say whether to stream: this server streams unless told not to."""
        return {**fields, "model": raw(model), "stream": raw(stream)}

    def decode(self, body: bytes) -> list[Event]:
        """Read a whole answer."""
        return decode_chat(body)

    def usage(self, body: bytes) -> Usage | None:
        """Find the usage of a whole answer."""
        return next((e.usage for e in decode_chat(body) if isinstance(e, Used)), None)

    def decoder(self) -> ChatDecoder:
        """Start to read a stream."""
        return ChatDecoder()

    def relay(self, *, wants_usage: bool) -> WatchedRelay:  # noqa: ARG002 - usage is in the last line
        """Start to pass a stream on."""
        return WatchedRelay(ChatDecoder(), WholeLines().feed)

    def fault(self, status: int, headers: Mapping[bytes, bytes], body: bytes) -> UpstreamError:
        """Read an error answer."""
        return ollama_errors.fault(status, headers, body)


WAY_OUT = ChatOut()
