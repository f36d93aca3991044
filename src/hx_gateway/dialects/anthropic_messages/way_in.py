"""Messages as clients speak them."""

from hx_gateway.core.call import Call
from hx_gateway.core.chat import Chat
from hx_gateway.core.errors import GatewayError, InvalidRequest
from hx_gateway.core.event import Event
from hx_gateway.dialects.anthropic_messages import errors
from hx_gateway.dialects.anthropic_messages.read import read_chat
from hx_gateway.dialects.anthropic_messages.write import MessageWriter, render_message
from hx_gateway.dialects.foreign import MESSAGES_ONLY


class MessagesIn:
    """The way in; see `WayIn`."""

    name = "anthropic_messages"
    untranslated = MESSAGES_ONLY

    def read(self, call: Call) -> Chat:
        """Understand the call; unlike in other formats the limit must be given."""
        chat = read_chat(call)
        if chat.max_tokens is None:
            raise InvalidRequest("max_tokens: Field required", param="max_tokens")
        return chat

    def read_count(self, call: Call) -> Chat:
        """Understand a call that asks for a count only, and so has no limit."""
        return read_chat(call)

    def render(self, events: list[Event], call: Call) -> bytes:
        """Write a whole answer."""
        return render_message(events, call)

    def writer(self, call: Call) -> MessageWriter:
        """Start to write a stream."""
        return MessageWriter(call)

    def error(self, error: GatewayError, request_id: str) -> bytes:
        """Write an error body."""
        return errors.envelope(error, request_id)

    def stream_error(self, error: GatewayError, request_id: str) -> bytes:
        """Write the event that ends a broken stream."""
        return errors.stream_envelope(error, request_id)


WAY_IN = MessagesIn()
