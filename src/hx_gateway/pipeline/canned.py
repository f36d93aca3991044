"""Answers that the configuration itself gives (LiteLLM's `mock_response`)."""

from hx_gateway.core.call import Call, Operation
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.core.event import Event, Finish, Finished, Started, TextDelta, Used
from hx_gateway.core.usage import Usage


def canned_events(call: Call, text: str) -> list[Event]:
    """Make the events of a canned answer; its usage counts words, as nothing was tokenised."""
    if call.operation not in {Operation.CHAT, Operation.COMPLETE}:
        raise InvalidRequest("A model with a mock response answers only chat.", param="model")
    return [
        Started(id=f"mock-{call.id}", model=call.model),
        TextDelta(text=text),
        Finished(reason=Finish.STOP),
        Used(usage=Usage(input=0, output=len(text.split()))),
    ]
