"""What to look for in a relayed stream of Responses."""

from hx_gateway.core.usage import Usage
from hx_gateway.dialects.openai_responses.decode import decode_event

_ENDS = frozenset({"response.completed", "response.incomplete"})


class ResponseWatcher:
    """Looks for usage, errors and the end; see `Watcher`."""

    text_mark = b'"delta":"'

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.complete = False

    def is_plain(self, whole: bytes) -> bool:
        """See `Watcher`. Whatever matters holds a response object or is an error."""
        return (
            whole.find(b'"response"') < 0
            and whole.find(b'"error"') < 0
            and whole.find(b"[DONE]") < 0
        )

    def passes(self, event: bytes, data: bytes) -> bool:  # noqa: ARG002 - the data says it all
        """See `Watcher`."""
        if data == b"[DONE]":
            return self.complete  # some servers add it; some clients take it for the end
        seen = decode_event(data)
        if seen.response is not None and seen.response.usage is not None:
            self.usage = seen.response.usage.read()
        if seen.type in _ENDS:
            self.complete = True
        return True

    @property
    def over(self) -> bool:
        """See `Watcher`."""
        return self.complete

    def end(self) -> bytes:
        """See `Watcher`. A complete stream lacks nothing."""
        return b""
