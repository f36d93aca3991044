"""Tell whether an answer can be put together from its stream, and streamed from its whole."""

from collections.abc import Sequence

from hx_gateway.cache.content import content_of
from hx_gateway.core.call import Call
from hx_gateway.core.errors import GatewayError
from hx_gateway.core.event import Event, TextDelta
from hx_gateway.dialects import sse
from hx_gateway.dialects.registry import READERS, WAYS_IN

_FIRST = 8  # events of text that are looked at; those after them look alike


class Witness:
    """What the client of a stream was shown, as places of content.

    Text after text has the same places, so only the first of it is looked at, and whatever is no
    plain text.
    """

    def __init__(self) -> None:
        """Nothing was shown yet."""
        self._seen: set[str] = set()
        self._texts = 0
        self._is_lost = False

    def see(self, event: bytes, said: Sequence[Event]) -> None:
        """Look at one event of the stream, and at what it was understood to say."""
        if len(said) == 1 and type(said[0]) is TextDelta and said[0].text:
            self._texts += 1
            if self._texts > _FIRST:
                return
        data = sse.data_of(event)
        if not data or data == b"[DONE]":
            return
        found = content_of(data)
        if found is None:
            self._is_lost = True
        else:
            self._seen |= found

    def is_all_in(self, body: bytes, call: Call) -> bool:
        """Say whether a whole answer, streamed, would show everything that was shown."""
        again = _streamed(body, call)
        return not self._is_lost and again is not None and self._seen <= again


def can_be_streamed(body: bytes, events: Sequence[Event], call: Call) -> bool:
    """Say whether a whole answer loses nothing when it goes through its events."""
    known = content_of(WAYS_IN[call.dialect].render(list(events), call))
    shown = content_of(body)
    return known is not None and shown is not None and shown <= known


def _streamed(body: bytes, call: Call) -> set[str] | None:
    writer = WAYS_IN[call.dialect].writer(call)
    try:
        stream = writer.write(READERS[call.dialect].decode(body)) + writer.end()
    except GatewayError:
        return None
    places: set[str] = set()
    for event in sse.split(stream):
        data = sse.data_of(event)
        if data and data != b"[DONE]":
            places |= content_of(data) or set()
    return places
