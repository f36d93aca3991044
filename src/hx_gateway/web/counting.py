"""The routes that count tokens, in three clients' formats."""

from collections.abc import Awaitable, Callable

import msgspec
from msgspec import Raw

from hx_gateway.core import wire
from hx_gateway.core.call import Call, Operation
from hx_gateway.core.chat import Chat
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.core.http import Response
from hx_gateway.core.principal import Scope
from hx_gateway.dialects.anthropic_messages import WAY_IN as MESSAGES_IN
from hx_gateway.dialects.questions import as_chat
from hx_gateway.dialects.registry import WAYS_IN
from hx_gateway.pipeline.counting import Count, TokenCounter
from hx_gateway.web.endpoint import Endpoint, Visit
from hx_gateway.web.inference import ERRORS, Inference
from hx_gateway.web.respond import json_response

_CHAT, _MESSAGES, _RESPONSES = "openai_chat", "anthropic_messages", "openai_responses"


class TokenQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the model's own provider is to count, where it can."""

    call_endpoint: bool = False


class TokenCount(msgspec.Struct, frozen=True, kw_only=True):
    """LiteLLM's answer of `/utils/token_counter`; `tokenizer_type` is `estimate` or a provider."""

    total_tokens: int
    request_model: str
    model_used: str
    tokenizer_type: str
    error: bool = False


class CountingRoutes:
    """Handlers over a token counter."""

    def __init__(self, inference: Inference, counter: TokenCounter) -> None:
        """Both belong to one snapshot."""
        self._inference = inference
        self._counter = counter

    async def messages(self, visit: Visit) -> Response:
        """Count for a client of Messages."""
        call = self._inference.call(visit, Operation.CHAT, _MESSAGES)
        count = await self._counter.count(call, MESSAGES_IN.read_count(call), visit.caller)
        return _answer({"input_tokens": count.tokens}, count)

    async def responses(self, visit: Visit) -> Response:
        """Count for a client of Responses."""
        call = self._inference.call(visit, Operation.CHAT, _RESPONSES)
        if call.fields.get("previous_response_id", Raw(b"null")) != Raw(b"null"):
            raise InvalidRequest(
                "Send the whole conversation to have it counted.", param="previous_response_id"
            )
        count = await self._counter.count(call, _chat_of(call), visit.caller)
        shown = {"object": "response.input_tokens", "input_tokens": count.tokens}
        return _answer(shown, count)

    async def utility(self, visit: Visit) -> Response:
        """Count for a client of LiteLLM: a prompt, or a conversation."""
        call = self._inference.call(visit, Operation.CHAT, _CHAT)
        prompt = wire.text_field(call.fields, "prompt")
        if prompt is not None:
            messages = wire.raw([{"role": "user", "content": prompt}])
            call = msgspec.structs.replace(call, fields={**call.fields, "messages": messages})
        count = await self._counter.count(
            call, _chat_of(call), visit.caller, ask=visit.query.call_endpoint
        )
        shown = TokenCount(
            total_tokens=count.tokens,
            request_model=call.model,
            model_used=count.model,
            tokenizer_type=count.source or "estimate",
        )
        return _answer(shown, count)


def _chat_of(call: Call) -> Chat:
    return as_chat(WAYS_IN[call.dialect].read(call))


def _answer(shown: object, count: Count) -> Response:
    source = (count.source or "estimate").encode()
    return json_response(shown, headers=((b"x-hx-token-count", source),))


def endpoints(routes: CountingRoutes) -> tuple[Endpoint, ...]:
    """Make the endpoints of the family."""
    tail = "responses/input_tokens"
    return (
        _endpoint("/v1/messages/count_tokens", "count_tokens", routes.messages, _MESSAGES),
        _endpoint(f"/v1/{tail}", "count_input_tokens", routes.responses, _RESPONSES),
        _endpoint(f"/{tail}", "count_input_tokens_1", routes.responses, _RESPONSES),
        _endpoint(f"/openai/v1/{tail}", "count_input_tokens_2", routes.responses, _RESPONSES),
        _endpoint("/utils/token_counter", "token_counter", routes.utility, _CHAT),
    )


def _endpoint(
    path: str, name: str, handler: Callable[[Visit], Awaitable[Response]], dialect: str
) -> Endpoint:
    is_utility = dialect == _CHAT
    return Endpoint(
        method="POST",
        path=path,
        scope=Scope.INFERENCE,
        handler=handler,
        name=name,
        summary="Count the tokens of a prompt",
        tag="inference",
        query=TokenQuery if is_utility else None,
        answer=TokenCount if is_utility else None,
        errors=ERRORS,
        listed=not name[-1].isdigit(),
        dialect=dialect,
    )
