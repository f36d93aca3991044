"""Pass a stream on and read it at the same time: the plain way to relay, for rare dialects."""

from collections.abc import Callable

from hx_gateway.core.event import Event, Finished, Used
from hx_gateway.core.provider import Decoder
from hx_gateway.core.usage import Usage


class WatchedRelay:
    """One stream on its way through, with a decoder looking on.

    `cut` holds incomplete pieces back; it is fed the same bytes as the decoder.
    """

    __slots__ = ("_cut", "_decoder", "complete", "usage")

    def __init__(self, decoder: Decoder, cut: Callable[[bytes], bytes]) -> None:
        self.usage: Usage | None = None
        self.complete = False
        self._decoder = decoder
        self._cut = cut

    @property
    def over(self) -> bool:
        """See `Relay`."""
        return self._decoder.over

    def feed(self, data: bytes) -> bytes:
        """See `Relay`."""
        self._note(self._decoder.feed(data))
        return self._cut(data)

    def end(self) -> bytes:
        """See `Relay`."""
        self._note(self._decoder.end())
        return b""

    def _note(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Used):
                self.usage = event.usage
            elif isinstance(event, Finished):
                self.complete = True
