"""Responses as clients speak them."""

from hx_gateway.core import wire
from hx_gateway.core.call import Call
from hx_gateway.core.chat import Chat
from hx_gateway.core.errors import GatewayError
from hx_gateway.core.event import Event
from hx_gateway.dialects import openai_errors
from hx_gateway.dialects.foreign import RESPONSES_ONLY
from hx_gateway.dialects.openai_responses.read import read_chat
from hx_gateway.dialects.openai_responses.write import ResponseWriter, render_response


class ResponsesIn:
    """The way in; see `WayIn`."""

    name = "openai_responses"
    untranslated = RESPONSES_ONLY

    def read(self, call: Call) -> Chat:
        """Understand the call."""
        return read_chat(call)

    def render(self, events: list[Event], call: Call) -> bytes:
        """Write a whole answer."""
        return render_response(events, call)

    def writer(self, call: Call) -> ResponseWriter:
        """Start to write a stream."""
        return ResponseWriter(call)

    def error(self, error: GatewayError, request_id: str) -> bytes:
        """Write an error body."""
        return openai_errors.envelope(error, request_id)

    def stream_error(self, error: GatewayError, request_id: str) -> bytes:  # noqa: ARG002
        """Write the event that ends a broken stream; this format has no place for the id."""
        body = {
            "type": "error",
            "sequence_number": 0,
            "code": error.error_code or error.error_type,
            "message": error.message,
            "param": error.param,
        }
        return b"event: error\ndata: " + wire.encode(body) + b"\n\n"


WAY_IN = ResponsesIn()
