"""Responses as upstreams speak them."""

from collections.abc import Iterator, Mapping

import msgspec

from hx_gateway.core.chat import Chat
from hx_gateway.core.errors import UpstreamError
from hx_gateway.core.event import Event
from hx_gateway.core.provider import Question
from hx_gateway.core.usage import Usage
from hx_gateway.core.wire import Fields, name_raw
from hx_gateway.dialects import openai_errors
from hx_gateway.dialects.framed import FramedRelay
from hx_gateway.dialects.openai_responses.decode import (
    ResponseDecoder,
    decode_response,
    find_usage,
)
from hx_gateway.dialects.openai_responses.encode import encode_chat
from hx_gateway.dialects.openai_responses.watch import ResponseWatcher
from hx_gateway.dialects.questions import as_chat
from hx_gateway.dialects.user import short_user, user_losses


class ResponsesOut(msgspec.Struct, frozen=True, kw_only=True):
    """The way out; see `WayOut`. `lacks` are settings of `Chat` it has no words for."""

    name: str = "openai_responses"
    path: str = "/responses"
    lacks: frozenset[str] = frozenset(
        {"stop", "seed", "choices", "frequency_penalty", "presence_penalty", "top_k"}
    )

    def encode(self, question: Question, model: str, *, stream: bool) -> Fields:
        """Write the body of a translated call."""
        return encode_chat(as_chat(question), model, stream=stream)

    def losses(self, chat: Chat) -> Iterator[str]:
        """Note what depends on a value."""
        yield from user_losses(chat.user, short_user(chat.user))

    def adapt(self, fields: Fields, model: str, *, stream: bool) -> Fields:  # noqa: ARG002
        """Change the model. An earlier answer is never named: its owner is known only to us."""
        adapted = {**fields, "model": name_raw(model)}
        adapted.pop("previous_response_id", None)
        return adapted

    def decode(self, body: bytes) -> list[Event]:
        """Read a whole answer."""
        return decode_response(body)

    def usage(self, body: bytes) -> Usage | None:
        """Find the usage of a relayed answer."""
        return find_usage(body)

    def decoder(self) -> ResponseDecoder:
        """Start to read a stream."""
        return ResponseDecoder()

    def relay(self, *, wants_usage: bool) -> FramedRelay:  # noqa: ARG002 - it is always shown
        """Start to pass a stream on."""
        return FramedRelay(ResponseWatcher())

    def fault(self, status: int, headers: Mapping[bytes, bytes], body: bytes) -> UpstreamError:
        """Read an error answer."""
        return openai_errors.fault(status, headers, body)


WAY_OUT = ResponsesOut()
