"""What to look for in a relayed stream of Messages."""

from hx_gateway.core.usage import Usage
from hx_gateway.dialects.anthropic_messages.decode import decode_event, stop_reason


class MessageWatcher:
    """Looks for usage, errors and the end; see `Watcher`."""

    text_mark = b'"text":"'

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.complete = False
        self._begun = False
        self._has_reason = False

    def is_plain(self, whole: bytes) -> bool:
        """See `Watcher`."""
        return whole.find(b'"message_') < 0 and whole.find(b'"error"') < 0

    def passes(self, event: bytes, data: bytes) -> bool:  # noqa: ARG002 - the data says it all
        """See `Watcher`. A ping is no beginning: an overloaded upstream may send one first."""
        seen = decode_event(data)
        usage = seen.usage if seen.message is None else seen.message.usage
        if usage is not None:
            self.usage = usage.over(self.usage)
        self._has_reason = self._has_reason or stop_reason(seen) is not None
        if seen.type == "message_stop":
            self.complete = self._has_reason
            return self.complete  # else nobody shall take it for the end
        self._begun = self._begun or seen.type != "ping"
        return self._begun

    @property
    def over(self) -> bool:
        """See `Watcher`."""
        return self.complete

    def end(self) -> bytes:
        """See `Watcher`. A complete stream lacks nothing."""
        return b""
