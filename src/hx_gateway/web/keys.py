"""The key routes, in LiteLLM's shapes: generate, list, info, update, regenerate, block, delete."""

from typing import Annotated

import msgspec

from hx_gateway.core.errors import InvalidRequest
from hx_gateway.core.http import Response
from hx_gateway.core.ports import KeyFilter
from hx_gateway.core.principal import Scope
from hx_gateway.manage.keys import IssuedKey, KeyChange, KeyService, KeyWish
from hx_gateway.web.endpoint import Endpoint, Handler, Visit
from hx_gateway.web.key_views import KeyView, view_key
from hx_gateway.web.respond import json_response
from hx_gateway.web.unsupported import Checked, refusing

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256, pattern=r"\S")]
Names = tuple[Name, ...]


class KeyFields(Checked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a new key shall be. `duration` as 30s, 30m, 30h, 30d, 2w or 1mo; none: for ever.

    `allowed_cache_controls`: what its requests may say of the answer cache; none: everything.
    """

    key: str | None = None
    key_alias: Name | None = None
    duration: str | None = None
    models: Names | None = None
    scopes: tuple[str, ...] | None = None
    namespaces: Names | None = None
    tenant: Name | None = None
    user_id: Name | None = None
    team_id: Name | None = None
    metadata: dict[str, object] | None = None
    allowed_cache_controls: Names | None = None
    blocked: bool | None = None


class KeyUpdate(KeyFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall be different about `key` (text or SHA-256 hex); null leaves it as it is.

    `duration` counts from now; "-1" takes the end away. Without `key`, `key_alias` names it.
    """


class KeyRenewal(Checked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which key shall have a new text, and which text; everything else stays as it is."""

    key: Name | None = None
    new_key: str | None = None


_RENEWAL = refusing(KeyRenewal)  # once: two routes take it


class KeyNames(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keys by text or SHA-256 hex, or by alias."""

    keys: Names | None = None
    key_aliases: Names | None = None


class KeyName(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One key, by text or SHA-256 hex."""

    key: Name


class KeyInfoQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which key: its text or SHA-256 hex; none for the caller's own."""

    key: str | None = None


class KeyListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which keys, and which page of them."""

    page: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    size: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10
    user_id: str | None = None
    team_id: str | None = None
    key_alias: str | None = None
    return_full_object: bool = False


class NewKey(KeyView, frozen=True, kw_only=True):
    """A new key: `key` is its text, shown this once."""

    key: str
    token_id: str


class UpdatedKey(KeyView, frozen=True, kw_only=True):
    """A key that was changed; `key` is the name it was given."""

    key: str


class KeyInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One key; `key` is the name it was asked by."""

    key: str
    info: KeyView


class KeyPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of keys: ids, or whole objects if asked for."""

    keys: list[str | KeyView]
    total_count: int
    current_page: int
    total_pages: int


class DeletedKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The keys that were removed, by the names they were given."""

    deleted_keys: list[str]


class KeyRoutes:
    """Handlers of the key routes."""

    def __init__(self, service: KeyService) -> None:
        """Serve these use-cases."""
        self._service = service

    async def generate(self, visit: Visit) -> Response:
        """Make a key."""
        body: KeyFields = visit.body
        return _issued(await self._service.generate(visit.caller, _wish(body)))

    async def page(self, visit: Visit) -> Response:
        """List keys."""
        query: KeyListQuery = visit.query
        wanted = KeyFilter(
            alias=query.key_alias,
            user_id=query.user_id,
            team_id=query.team_id,
            offset=(query.page - 1) * query.size,
            limit=query.size,
        )
        records, total = await self._service.find_all(wanted)
        full = query.return_full_object
        return json_response(
            KeyPage(
                keys=[view_key(record) if full else record.id for record in records],
                total_count=total,
                current_page=query.page,
                total_pages=-(-total // query.size),
            )
        )

    async def info(self, visit: Visit) -> Response:
        """Show one key."""
        query: KeyInfoQuery = visit.query
        record = await self._service.find(visit.caller, query.key or None)
        return json_response(KeyInfo(key=query.key or record.id, info=view_key(record)))

    async def delete(self, visit: Visit) -> Response:
        """Remove keys."""
        body: KeyNames = visit.body
        names, aliases = body.keys or (), body.key_aliases or ()
        if not names and not aliases:
            raise InvalidRequest("'keys' or 'key_aliases' must name a key.", param="keys")
        return json_response(DeletedKeys(deleted_keys=await self._service.delete(names, aliases)))

    async def update(self, visit: Visit) -> Response:
        """Change one key."""
        body: KeyUpdate = visit.body
        name, alias = body.key, body.key_alias
        if name is None:
            if alias is None:
                raise InvalidRequest("'key' must name a key.", param="key")
            name, alias = await self._service.resolve(alias), None
        record = await self._service.update(visit.caller, name, _change(body, alias))
        shown = msgspec.structs.asdict(view_key(record))
        return json_response(UpdatedKey(**shown, key=name))

    async def regenerate(self, visit: Visit) -> Response:
        """Give one key a new text."""
        body: KeyRenewal = visit.body
        name = visit.path.get("key") or body.key
        if name is None:
            raise InvalidRequest("'key' must name a key.", param="key")
        return _issued(await self._service.regenerate(visit.caller, name, body.new_key))

    async def block(self, visit: Visit) -> Response:
        """Refuse a key from now on."""
        return await self._set_blocked(visit, blocked=True)

    async def unblock(self, visit: Visit) -> Response:
        """Let a key in again."""
        return await self._set_blocked(visit, blocked=False)

    async def _set_blocked(self, visit: Visit, *, blocked: bool) -> Response:
        body: KeyName = visit.body
        return json_response(view_key(await self._service.set_blocked(body.key, blocked=blocked)))


def endpoints(service: KeyService) -> tuple[Endpoint, ...]:
    """Make the endpoints of the family."""
    routes = KeyRoutes(service)
    return (
        Endpoint(
            method="POST",
            path="/key/generate",
            scope=Scope.ADMIN,
            handler=routes.generate,
            name="generate_key",
            summary="Make a virtual key; its text is shown this once",
            tag="keys",
            body=refusing(KeyFields),
            answer=NewKey,
            errors=(409,),
        ),
        Endpoint(
            method="GET",
            path="/key/list",
            scope=Scope.ADMIN,
            handler=routes.page,
            name="list_key_page",
            summary="List keys, newest first",
            tag="keys",
            query=KeyListQuery,
            answer=KeyPage,
        ),
        Endpoint(
            method="GET",
            path="/key/info",
            scope=Scope.ANY,
            handler=routes.info,
            name="get_key_info",
            summary="Show a key; without the admin scope only one's own",
            tag="keys",
            query=KeyInfoQuery,
            answer=KeyInfo,
            errors=(403, 404),
        ),
        _post("update", routes.update, "Change a key", refusing(KeyUpdate), UpdatedKey, (404, 409)),
        _regenerate("/key/regenerate", "regenerate_key", routes.regenerate),
        _regenerate("/key/{key}/regenerate", "regenerate_key_1", routes.regenerate),
        _post("delete", routes.delete, "Remove keys", KeyNames, DeletedKeys),
        _post("block", routes.block, "Refuse a key from now on", KeyName, KeyView),
        _post("unblock", routes.unblock, "Let a key in again", KeyName, KeyView),
    )


def _regenerate(path: str, name: str, handler: Handler) -> Endpoint:
    return Endpoint(
        method="POST",
        path=path,
        scope=Scope.ADMIN,
        handler=handler,
        name=name,
        summary="Give a key a new text, shown this once; the old one is refused from then on",
        tag="keys",
        body=_RENEWAL,
        answer=NewKey,
        errors=(404, 409),
    )


def _post(
    verb: str,
    handler: Handler,
    summary: str,
    body: type,
    answer: type,
    errors: tuple[int, ...] = (404,),
) -> Endpoint:
    return Endpoint(
        method="POST",
        path=f"/key/{verb}",
        scope=Scope.ADMIN,
        handler=handler,
        name=f"{verb}_key",
        summary=summary,
        tag="keys",
        body=body,
        answer=answer,
        errors=errors,
    )


def _issued(issued: IssuedKey) -> Response:
    shown = msgspec.structs.asdict(view_key(issued.record))
    text = issued.secret.reveal()
    return json_response(NewKey(**shown, key=text, token_id=issued.record.id))


def _change(body: KeyUpdate, alias: str | None) -> KeyChange:
    return KeyChange(
        alias=alias,
        duration=body.duration,
        models=body.models,
        scopes=body.scopes,
        namespaces=body.namespaces,
        tenant=body.tenant,
        user_id=body.user_id,
        team_id=body.team_id,
        metadata=body.metadata,
        cache_controls=body.allowed_cache_controls,
        blocked=body.blocked,
    )


def _wish(body: KeyFields) -> KeyWish:
    return KeyWish(
        key=body.key,
        alias=body.key_alias,
        duration=body.duration,
        models=body.models or (),
        scopes=body.scopes,
        namespaces=body.namespaces or (),
        tenant=body.tenant,
        user_id=body.user_id,
        team_id=body.team_id,
        metadata=body.metadata or {},
        cache_controls=body.allowed_cache_controls or (),
        blocked=bool(body.blocked),
    )
