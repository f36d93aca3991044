"""The routes of `/v1/responses`: answers with a memory, whatever upstream gives them.

An upstream is never sent an id of an earlier answer: it would look it up for any of our callers.
The conversation is put together here instead (docs/decisions/0010-kept-answers.md).
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

import msgspec
from msgspec import Raw

from hx_gateway.core import wire
from hx_gateway.core.call import Call, Operation
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.core.http import Response
from hx_gateway.core.ports import StoredResponse
from hx_gateway.core.principal import Scope
from hx_gateway.manage.responses import ResponseShelf, conversation_of, items_of, missing
from hx_gateway.web.endpoint import Endpoint, Handler, Visit
from hx_gateway.web.inference import ERRORS, Inference
from hx_gateway.web.keeping import Keeper, KeepingStream
from hx_gateway.web.respond import json_response

DIALECT = "openai_responses"
# These name things in the upstream's memory, which all our callers share.
_REFERENCES = ("conversation", "prompt")
_EMPTY = Raw(b"[]")
_NOTHING = (None, Raw(b"null"), Raw(b"false"))
_STEMS = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
}


class ReadQuery(msgspec.Struct, frozen=True, kw_only=True):
    """How to read an answer."""

    stream: bool = False


class ItemsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which items to list."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    order: Literal["asc", "desc"] = "desc"
    after: str | None = None


class _Item(msgspec.Struct):
    type: str | None = None
    role: str | None = None
    id: str | None = None
    content: Raw = Raw(b"")


_ITEM = msgspec.json.Decoder(_Item)
_FIELDS = msgspec.json.Decoder(dict[str, Raw])


class ResponseRoutes:
    """Handlers over the inference routes and a shelf of kept answers."""

    def __init__(self, inference: Inference, shelf: ResponseShelf) -> None:
        """Both belong to one snapshot."""
        self._inference = inference
        self._shelf = shelf

    async def create(self, visit: Visit) -> Response:
        """Answer a call, after what was said before if it names an earlier answer."""
        call = self._inference.call(visit, Operation.CHAT, DIALECT)
        stores = wire.bool_field(call.fields, "store") if _is_given(call, "store") else True
        _check(call)
        given = items_of(call.fields["input"]) if _is_given(call, "input") else []
        _check_items(given)
        earlier = await self._earlier(visit, call)
        if not given and earlier is None:
            raise InvalidRequest("'input' is required: nothing is asked.", param="input")
        keeps = stores and self._shelf.keeps
        conversation = _EMPTY
        if earlier is not None or keeps:
            conversation = conversation_of(earlier, given)
        if earlier is not None:
            fields = {**call.fields, "input": conversation}
            call = msgspec.structs.replace(call, fields=fields)
        keeper = Keeper(
            shelf=self._shelf if keeps else None,
            caller=visit.caller,
            conversation=conversation,
            previous_id=earlier.id if earlier else None,
        )
        response = await self._inference.answer(visit, call)
        if response.status != 200:
            return response
        if response.chunks is not None:
            response.chunks = KeepingStream(response.chunks, keeper)
            return response
        return await keeper.whole(response)

    async def _earlier(self, visit: Visit, call: Call) -> StoredResponse | None:
        name = "previous_response_id"
        id_ = wire.text_field(call.fields, name)
        if id_ is None:
            return None
        if not self._shelf.keeps:
            raise missing(id_, param=name)
        return await self._shelf.find(visit.caller, id_, param=name)

    async def read(self, visit: Visit) -> Response:
        """Show a kept answer as it was given."""
        if visit.query.stream:
            raise InvalidRequest("A kept answer is not streamed again.", param="stream")
        kept = await self._shelf.find(visit.caller, visit.path["id"])
        return json_response(Raw(kept.response.encode()))

    async def delete(self, visit: Visit) -> Response:
        """Forget an answer."""
        id_ = visit.path["id"]
        await self._shelf.delete(visit.caller, id_)
        return json_response({"id": id_, "object": "response", "deleted": True})

    async def cancel(self, visit: Visit) -> Response:
        """Refuse: an answer is here when it is complete."""
        await self._shelf.find(visit.caller, visit.path["id"])
        raise InvalidRequest(
            "Only an answer made in the background can be cancelled, and there are none here.",
            code="response_not_cancellable",
        )

    async def input_items(self, visit: Visit) -> Response:
        """List the items an answer was given to, newest first unless asked otherwise."""
        kept = await self._shelf.find(visit.caller, visit.path["id"])
        items = [
            _shown(item, kept.id, number)
            for number, item in enumerate(items_of(Raw(kept.input.encode())))
        ]
        return json_response(page_of(items, visit.query))


def page_of(items: list[dict[str, Raw]], query: ItemsQuery) -> dict[str, object]:
    """Give one page of a list in OpenAI's shape; raises InvalidRequest for an unknown cursor."""
    ids = [msgspec.json.decode(item["id"], type=str) for item in items]
    if query.order == "desc":
        items, ids = items[::-1], ids[::-1]
    start = 0
    if query.after is not None:
        if query.after not in ids:
            raise InvalidRequest("'after' is the id of no item.", param="after")
        start = ids.index(query.after) + 1
    end = start + query.limit
    shown = ids[start:end]
    return {
        "object": "list",
        "data": items[start:end],
        "first_id": shown[0] if shown else None,
        "last_id": shown[-1] if shown else None,
        "has_more": end < len(items),
    }


def _shown(data: Raw, response_id: str, number: int) -> dict[str, Raw]:
    """Give an item its id, and a message its long form."""
    item = _ITEM.decode(data)
    kind = item.type or "message"
    fields = _FIELDS.decode(data)
    fields.setdefault("id", wire.raw(f"{_STEMS.get(kind, 'item')}_{response_id}_{number}"))
    fields.setdefault("type", wire.raw(kind))
    if kind in _STEMS:
        fields.setdefault("status", wire.raw("completed"))
    if kind == "message" and bytes(item.content).startswith(b'"'):
        part = "output_text" if item.role == "assistant" else "input_text"
        text: dict[str, object] = {"type": part, "text": item.content}
        if part == "output_text":
            text["annotations"] = []
        fields["content"] = wire.raw([text])
    return fields


def _is_given(call: Call, name: str) -> bool:
    return call.fields.get(name, Raw(b"null")) != Raw(b"null")


def _check(call: Call) -> None:
    for name in _REFERENCES:
        if _is_given(call, name):
            raise InvalidRequest(
                f"'{name}' is not supported; send what it stands for, or 'previous_response_id'.",
                param=name,
            )
    if call.fields.get("background") not in _NOTHING:
        raise InvalidRequest("Answers are not made in the background.", param="background")


def _check_items(items: list[Raw]) -> None:
    for number, data in enumerate(items):
        where = f"input[{number}]"
        try:
            item = _ITEM.decode(data)
        except wire.NOT_JSON:
            raise InvalidRequest(f"'{where}' is no item.", param=where) from None
        is_bare = item.type is None and item.role is None
        if item.type == "item_reference" or (is_bare and item.id is not None):
            raise InvalidRequest(
                "References to items are not supported; send the item itself.", param=where
            )


def endpoints(routes: ResponseRoutes) -> tuple[Endpoint, ...]:
    """Make the endpoints of the family; unlisted ones are LiteLLM's other paths for the same."""
    return tuple(
        made
        for number, prefix in enumerate(("/v1", "", "/openai/v1"))
        for made in _family(routes, f"{prefix}/responses", number)
    )


_Row = tuple[str, str, Callable[[Visit], Awaitable[Response]], str, str, tuple[int, ...]]


def _family(routes: ResponseRoutes, path: str, number: int) -> list[Endpoint]:
    one, found = f"{path}/{{id}}", (404, 503)
    rows: tuple[_Row, ...] = (
        ("POST", path, routes.create, "responses", "Answer a conversation (responses)", ERRORS),
        ("GET", one, routes.read, "get_response", "Show a kept answer", (400, *found)),
        ("DELETE", one, routes.delete, "delete_response", "Forget a kept answer", found),
        (
            "GET",
            f"{one}/input_items",
            routes.input_items,
            "list_response_items",
            "List what a kept answer was given to",
            (400, *found),
        ),
        (
            "POST",
            f"{one}/cancel",
            routes.cancel,
            "cancel_response",
            "Refused: nothing is made in the background",
            (400, *found),
        ),
    )
    return [_endpoint(row, number) for row in rows]


def _endpoint(row: _Row, number: int) -> Endpoint:
    method, path, handler, name, summary, errors = row
    queries = {"get_response": ReadQuery, "list_response_items": ItemsQuery}
    given: Handler = handler
    return Endpoint(
        method=method,
        path=path,
        scope=Scope.INFERENCE,
        handler=given,
        name=name if number == 0 else f"{name}_{number}",
        summary=summary,
        tag="inference",
        query=queries.get(name),
        errors=errors,
        listed=number == 0,
        dialect=DIALECT,
    )
