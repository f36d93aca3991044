"""What to look for in a relayed stream of Chat Completions or text completions."""

import msgspec

from hx_gateway.core.errors import Garbled
from hx_gateway.core.usage import Usage
from hx_gateway.core.wire import NOT_JSON
from hx_gateway.dialects.framed import FramedRelay
from hx_gateway.dialects.openai_errors import stream_fault
from hx_gateway.dialects.openai_usage import WireUsage

DONE = b"data: [DONE]\n\n"


class _Choice(msgspec.Struct):
    finish_reason: str | msgspec.UnsetType | None = msgspec.UNSET


class _Event(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: WireUsage | None = None
    error: dict[str, object] | str | None = None


_EVENT = msgspec.json.Decoder(_Event)


def openai_relay(*, wants_usage: bool) -> FramedRelay:
    """Start to pass a stream on; its usage is shown only if the client asked for it."""
    return FramedRelay(OpenAIWatcher(wants_usage=wants_usage))


class OpenAIWatcher:
    """Looks for usage, finish reasons, errors and the end mark; see `Watcher`."""

    text_mark = b'"content":"'

    def __init__(self, *, wants_usage: bool) -> None:
        self.usage: Usage | None = None
        self.complete = False
        self._wants_usage = wants_usage
        self.over = False
        self._done = False
        self._promised = False  # a reason to finish, by naming it without giving it
        self._begun = False

    def is_plain(self, whole: bytes) -> bool:
        """See `Watcher`. Many servers write the null of a field that says nothing yet."""
        # `find` and not `in`: the latter tries its operand as a number first, at twice the price.
        return (
            self._begun
            and whole.find(b"[DONE]") < 0
            and whole.find(b'"error"') < 0
            and _only_null(whole, b'"finish_reason"')
            and _only_null(whole, b'"usage"')
        )

    def passes(self, event: bytes, data: bytes) -> bool:  # noqa: ARG002 - the data says it all
        """See `Watcher`."""
        if data == b"[DONE]":
            self._done = True
            # Whoever writes `finish_reason: null` all along and then stops did not finish. Some
            # servers never write it: to them the end mark is the end.
            self.over = self.complete = self.complete or (self._begun and not self._promised)
            return self.complete
        seen = _decode(data)
        for choice in seen.choices or ():
            self._begun = True
            if choice.finish_reason:
                self.complete = True
            self._promised = self._promised or choice.finish_reason is not msgspec.UNSET
        if seen.usage is None:
            return True
        self.usage = seen.usage.read()
        return bool(seen.choices) or self._wants_usage

    def end(self) -> bytes:
        """See `Watcher`. Some upstreams leave the end mark out."""
        return b"" if self._done else DONE


def _only_null(whole: bytes, name: bytes) -> bool:
    found = whole.count(name)
    if found == whole.count(name + b":null"):
        return True
    return found == whole.count(name + b":null") + whole.count(name + b": null")


def _decode(data: bytes) -> _Event:
    try:
        event = _EVENT.decode(data)
    except NOT_JSON:
        raise Garbled("The upstream sent an event that is not JSON.") from None
    if event.error is not None:
        raise stream_fault(data)
    return event
