"""Keep vectors on a Qdrant server, over its REST API (https://api.qdrant.tech).

The model and dimension of a collection are pinned in its metadata (Qdrant >= 1.16; an older server
drops them, and only the dimension is guarded then). The official client is not used: it costs 92 MB
of memory and two seconds of imports.
"""

from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from hx_gateway.core import wire
from hx_gateway.core.errors import Conflict, DependencyError, NotFound, TimedOut, UpstreamError
from hx_gateway.core.http import JSON_TYPE, Deadlines, Header, HttpRequest, Origin, Sender
from hx_gateway.core.ports import Collection, Filter, Hit, Point
from hx_gateway.core.secret import Secret
from hx_gateway.rag.conditions import Json, filter_json, within_tenant

_CODE = "vector_store_unavailable"
_PIN = "hx_gateway"
_INDEXES: tuple[tuple[str, Json], ...] = (
    ("tenant", {"type": "keyword", "is_tenant": True}),
    ("namespace", {"type": "keyword"}),
    ("expires_at", {"type": "float"}),
)
T = TypeVar("T")


class _Pin(msgspec.Struct):
    model: str = ""


class _Metadata(msgspec.Struct):
    hx_gateway: _Pin | None = None


class _Params(msgspec.Struct):
    vectors: dict[str, Any] = {}


class _Config(msgspec.Struct):
    params: _Params
    metadata: _Metadata | None = None


class _Info(msgspec.Struct):
    config: _Config


class _Scored(msgspec.Struct):
    id: str | int
    score: float
    payload: dict[str, object] | None = None


class _Found(msgspec.Struct):
    points: list[_Scored]


class _Counted(msgspec.Struct):
    count: int


class QdrantVectors:
    """A Qdrant server as `core.ports.Vectors`. Does no I/O itself: a `Sender` does."""

    def __init__(
        self,
        sender: Sender,
        origin: Origin,
        *,
        base_path: str = "",
        api_key: Secret | None = None,
        timeout_s: float = 5.0,
    ) -> None:
        """`timeout_s` is for one request, all in all."""
        self._sender = sender
        self._origin = origin
        self._base_path = base_path
        self._headers: tuple[Header, ...] = (JSON_TYPE,)
        if api_key:
            self._headers += ((b"api-key", api_key.reveal().encode()),)
        self._deadlines = Deadlines(
            connect=min(timeout_s, 2.0), first_byte=timeout_s, idle=timeout_s, total=timeout_s
        )

    async def collection(self, name: str) -> Collection | None:
        """See `Vectors`. `model` is empty when nobody pinned one."""
        status, body = await self._send("GET", _path(name))
        if status == 404:
            return None
        info = _result(status, body, _Info)
        size = info.config.params.vectors.get("size")
        if not isinstance(size, int):
            raise Conflict(
                "The Qdrant collection has named vectors; document search needs a collection of "
                "its own.",
                code="collection_unsuitable",
            )
        pin = info.config.metadata.hx_gateway if info.config.metadata else None
        return Collection(name=name, model=pin.model if pin else "", dimension=size)

    async def create(self, collection: Collection) -> None:
        """See `Vectors`; raises Conflict when the name is taken by another model or dimension."""
        body: Json = {
            "vectors": {"size": collection.dimension, "distance": "Cosine"},
            "metadata": {_PIN: {"model": collection.model}},
        }
        status, answer = await self._send("PUT", _path(collection.name), body)
        # Somebody else may have made it in between: 409, or 400 before Qdrant 1.9.
        existing = await self.collection(collection.name) if status in {400, 409} else None
        if existing is None:
            _result(status, answer, bool)
        elif existing != collection:
            raise Conflict(
                "The Qdrant collection exists already, with another model or dimension.",
                code="embedding_model_changed",
            )
        for field, schema in _INDEXES:
            index: Json = {"field_name": field, "field_schema": schema}
            await self._ask("PUT", _path(collection.name, "/index?wait=true"), index, object)

    async def upsert(self, name: str, points: Sequence[Point]) -> None:
        """See `Vectors`."""
        await self._ask("PUT", _path(name, "/points?wait=true"), {"points": list(points)}, object)

    async def search(
        self,
        name: str,
        vector: Sequence[float],
        *,
        tenant: str,
        where: Filter,
        limit: int,
        score_threshold: float | None = None,
    ) -> list[Hit]:
        """See `Vectors`."""
        body: Json = {
            "query": list(vector),
            "filter": within_tenant(tenant, where),
            "limit": limit,
            "with_payload": True,
        }
        if score_threshold is not None:
            body["score_threshold"] = score_threshold
        try:
            found = await self._ask("POST", _path(name, "/points/query"), body, _Found)
        except NotFound:
            return []
        return [
            Hit(id=str(each.id), score=each.score, payload=each.payload or {})
            for each in found.points
        ]

    async def count(self, name: str, *, tenant: str, where: Filter) -> int:
        """See `Vectors`."""
        return await self._count(name, within_tenant(tenant, where))

    async def delete(self, name: str, *, tenant: str, where: Filter) -> int:
        """See `Vectors`."""
        return await self._remove(name, within_tenant(tenant, where))

    async def purge(self, name: str, *, where: Filter) -> int:
        """See `Vectors`."""
        return await self._remove(name, filter_json(where))

    async def _count(self, name: str, condition: Json) -> int:
        body: Json = {"filter": condition, "exact": True}
        try:
            return (await self._ask("POST", _path(name, "/points/count"), body, _Counted)).count
        except NotFound:
            return 0

    async def _remove(self, name: str, condition: Json) -> int:
        """Count what matched before, less what still matches after."""
        before = await self._count(name, condition)
        if before:
            body: Json = {"filter": condition}
            await self._ask("POST", _path(name, "/points/delete?wait=true"), body, object)
            before -= await self._count(name, condition)
        return max(before, 0)

    async def ping(self) -> None:
        """See `Vectors`. Asks what needs the API key, so that a wrong one is seen."""
        await self._ask("GET", "/collections", None, object)

    async def aclose(self) -> None:
        """See `Vectors`; the connections are the sender's."""

    async def _ask(self, method: str, path: str, body: Json | None, type_: type[T]) -> T:
        status, answer = await self._send(method, path, body)
        return _result(status, answer, type_)

    async def _send(self, method: str, path: str, body: Json | None = None) -> tuple[int, bytes]:
        """Send one request and read its answer, faults translated."""
        request = HttpRequest(
            method=method,
            path=self._base_path + path,
            headers=self._headers,
            body=b"" if body is None else wire.encode(body),
        )
        try:
            exchange = await self._sender.send(self._origin, request, self._deadlines)
            try:
                return exchange.status, await exchange.read()
            finally:
                exchange.close()
        except TimedOut as error:
            raise _fault("Qdrant did not answer in time.", 504) from error
        except UpstreamError as error:
            raise _fault(None, 502 if error.code == "upstream_garbled" else 503) from error


def _path(name: str, rest: str = "") -> str:
    return f"/collections/{quote(name, safe='')}{rest}"


def _result(status: int, body: bytes, type_: type[T]) -> T:
    """Take the `result` out of Qdrant's envelope; its error texts stay with us."""
    if status in {401, 403}:
        raise _fault("Qdrant refuses the configured API key.", 502)
    if status == 404:
        raise NotFound("The collection of documents is gone from Qdrant.")
    if status in {429, 500, 502, 503, 504}:
        raise _fault(None, 503)
    if status >= 300:
        raise _fault("Qdrant refused the request.", 502)
    try:
        fields = wire.decode_any(body)
        return msgspec.convert(fields["result"], type_)
    except (msgspec.MsgspecError, KeyError, TypeError, UnicodeDecodeError):
        raise _fault("Qdrant's answer cannot be read.", 502) from None


def _fault(message: str | None, status: int) -> DependencyError:
    return DependencyError("Qdrant", message, code=_CODE, type_=_CODE, status=status)
