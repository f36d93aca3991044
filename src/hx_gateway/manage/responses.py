"""Answers that are kept for a follow-up: a call and its answer, found again by their owner."""

import asyncio
import logging

import msgspec
from msgspec import Raw

from hx_gateway.core import wire
from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import GatewayError, InvalidRequest, NotFound
from hx_gateway.core.ports import Responses, StoredResponse
from hx_gateway.core.principal import Principal
from hx_gateway.core.snapshot import ResponseSettings

_log = logging.getLogger(__name__)
# An answer is there already and its client waits: a slow database may not hold it back for long.
KEEP_WAIT_S = 2.0
_INPUT = msgspec.json.Decoder(str | list[Raw])
_ITEMS = msgspec.json.Decoder(list[Raw])
_OUTPUT = msgspec.json.Decoder(list[dict[str, Raw]])


class _Answer(msgspec.Struct):
    id: str
    status: str | None = None


class _Output(msgspec.Struct):
    output: Raw


class ResponseShelf:
    """Keeps answers and finds them. What belongs to somebody else is not there."""

    def __init__(
        self,
        store: Responses,
        settings: ResponseSettings,
        clock: Clock,
        *,
        wait_s: float = KEEP_WAIT_S,
    ) -> None:
        """`settings` say how long and how much; with a time of 0 nothing is kept."""
        self._wait_s = wait_s
        self._store = store
        self._settings = settings
        self._clock = clock

    @property
    def keeps(self) -> bool:
        """Whether anything is kept at all."""
        return self._settings.ttl_s > 0

    async def find(
        self, caller: Principal, id_: str, *, param: str | None = None
    ) -> StoredResponse:
        """Find an answer; raises NotFound, or DependencyError when the store does not answer."""
        found = None
        if "\0" not in id_:
            found = await self._store.get_response(owner_of(caller), id_, now=self._clock.now())
        if found is None:
            raise missing(id_, param=param)
        return found

    async def delete(self, caller: Principal, id_: str) -> None:
        """Remove an answer; raises as `find` does."""
        now = self._clock.now()
        if "\0" in id_ or not await self._store.delete_response(owner_of(caller), id_, now=now):
            raise missing(id_)

    async def keep(self, caller: Principal, conversation: Raw, answer: Raw) -> bool:
        """Keep a complete answer; False when that was not possible, which is only logged."""
        try:
            read = msgspec.json.decode(answer, type=_Answer)
            if read.status not in {"completed", "incomplete"}:
                return False
            if len(conversation) + len(answer) > self._settings.max_bytes:
                return False
            await asyncio.wait_for(self._keep(caller, read.id, conversation, answer), self._wait_s)
        except (GatewayError, TimeoutError) as error:
            _log.warning("an answer could not be kept: %s", type(error).__name__)
            return False
        except wire.NOT_JSON:
            return False
        return True

    async def _keep(self, caller: Principal, id_: str, conversation: Raw, answer: Raw) -> None:
        now = self._clock.now()
        await self._store.keep_response(
            StoredResponse(
                owner=owner_of(caller),
                id=id_,
                input=bytes(conversation).decode(),
                response=bytes(answer).decode(),
                created_at=now,
                expires_at=now + self._settings.ttl_s,
            )
        )

    async def sweep(self) -> int:
        """Remove what has expired or is too much; gives how many."""
        most = self._settings.max_per_owner
        return await self._store.sweep_responses(now=self._clock.now(), most=most)


def owner_of(caller: Principal) -> str:
    """Name the owner of what a caller keeps: its user, so that a new key of theirs finds it."""
    return f"user:{caller.user_id}" if caller.user_id else f"key:{caller.key_id}"


def missing(id_: str, *, param: str | None = None) -> NotFound:
    """Say that there is no such answer, in the same words whether it is foreign, old or unknown."""
    return NotFound(
        f"Response with id '{id_[:100]}' not found.",
        param=param,
        code="previous_response_not_found" if param else None,
        type_="invalid_request_error",
    )


def items_of(given: Raw) -> list[Raw]:
    """Read a call's input as items; a text is one message. Raises InvalidRequest."""
    try:
        read = _INPUT.decode(given)
    except wire.NOT_JSON:
        raise InvalidRequest("'input' must be a text or a list of items.", param="input") from None
    if isinstance(read, str):
        content = [{"type": "input_text", "text": read}]
        return [wire.raw({"type": "message", "role": "user", "content": content})]
    return list(read)


def conversation_of(earlier: StoredResponse | None, given: list[Raw]) -> Raw:
    """Put together what was said before, what was answered, and what is said now."""
    if earlier is None:
        return wire.raw(given)
    before = _ITEMS.decode(earlier.input.encode())
    return wire.raw([*before, *_answered(earlier), *given])


def _answered(earlier: StoredResponse) -> list[Raw]:
    """Give the items of an answer as input: without ids, which only one upstream's memory knows."""
    output = msgspec.json.decode(earlier.response.encode(), type=_Output).output
    return [
        wire.raw({name: value for name, value in item.items() if name not in {"id", "status"}})
        for item in _OUTPUT.decode(output)
        if not _is_only_a_reference(item)
    ]


def _is_only_a_reference(item: dict[str, Raw]) -> bool:
    """Tell whether an item is reasoning that its vendor kept to itself."""
    kind = item.get("type", Raw(b"null"))
    return kind == Raw(b'"reasoning"') and item.get("encrypted_content") in (None, Raw(b"null"))
