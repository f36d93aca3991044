"""Chat Completions as clients speak it."""

from hx_gateway.core.call import Call
from hx_gateway.core.chat import Chat
from hx_gateway.core.errors import GatewayError
from hx_gateway.core.event import Event
from hx_gateway.dialects import openai_errors
from hx_gateway.dialects.foreign import CHAT_ONLY
from hx_gateway.dialects.openai_chat.read import read_chat
from hx_gateway.dialects.openai_chat.write import ChatWriter, render_chat


class ChatIn:
    """The way in; see `WayIn`."""

    name = "openai_chat"
    untranslated = CHAT_ONLY

    def read(self, call: Call) -> Chat:
        """Understand the call."""
        return read_chat(call)

    def render(self, events: list[Event], call: Call) -> bytes:
        """Write a whole answer."""
        return render_chat(events, call)

    def writer(self, call: Call) -> ChatWriter:
        """Start to write a stream."""
        return ChatWriter(call)

    def error(self, error: GatewayError, request_id: str) -> bytes:
        """Write an error body."""
        return openai_errors.envelope(error, request_id)

    def stream_error(self, error: GatewayError, request_id: str) -> bytes:
        """Write the event that ends a broken stream."""
        return openai_errors.stream_envelope(error, request_id)


WAY_IN = ChatIn()
