"""Read the events of plain text without reading their JSON again and again.

Events of one answer differ in their text only. So what stands around the text of the last one is
kept; an event that has the same around it, and a text in which nothing is escaped, says that text.
"""

from hx_gateway.core.event import Event, TextDelta

MAX_FRAMES = 8
_NO_FRAME = b"no event looks like this"


class TextFrame:
    """What stands around the text of plain events. `mark` precedes the text."""

    __slots__ = ("_choice", "_end", "_frames_left", "_head", "_mark", "_start", "_tail")

    def __init__(self, mark: bytes) -> None:
        """Know no event yet."""
        self._mark = mark
        self._head = self._tail = _NO_FRAME
        self._start = self._end = self._choice = 0
        self._frames_left = MAX_FRAMES

    def read(self, data: bytes) -> TextDelta | None:
        """Read one whole event; None when it has to be looked at."""
        if not (data.endswith(self._tail) and data.startswith(self._head)):
            return None
        start, end = self._start, len(data) + self._end
        if end < start or data.find(b'"', start, end) >= 0 or data.find(b"\\", start, end) >= 0:
            return None
        try:
            text = data[start:end].decode()
        except UnicodeDecodeError:
            return None
        # A control character may not stand in JSON; an empty text is no event in some formats.
        return TextDelta(text=text, choice=self._choice) if text and text.isprintable() else None

    def learn(self, data: bytes, events: list[Event]) -> None:
        """Keep what is around the text of one event, if it says nothing but a plain text."""
        if not self._frames_left or len(events) != 1:
            return
        event = events[0]
        if (
            type(event) is not TextDelta
            or event.logprobs is not None
            or not event.text.isprintable()
        ):
            return
        start = data.find(self._mark) + len(self._mark)
        end = data.find(b'"', start)
        if start < len(self._mark) or data[start:end] != event.text.encode():
            return  # not found, or something in it is escaped
        self._frames_left -= 1  # some upstreams pad each event differently: give up on them
        self._head, self._tail = data[:start], data[end:]
        self._start, self._end = start, end - len(data)
        self._choice = event.choice
