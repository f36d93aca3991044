"""The user routes, in LiteLLM's shapes: new, update, delete, info, list."""

from typing import Annotated

import msgspec

from hx_gateway.core.errors import Forbidden, GatewayError, InvalidRequest
from hx_gateway.core.http import Response
from hx_gateway.core.principal import Scope
from hx_gateway.manage.keys import KeyService, KeyWish
from hx_gateway.manage.users import EMAIL, UserService, UserWish
from hx_gateway.web.endpoint import Endpoint, Handler, Visit
from hx_gateway.web.key_views import KeyView, UserView, view_key, view_user
from hx_gateway.web.keys import Name, Names
from hx_gateway.web.respond import json_response
from hx_gateway.web.unsupported import Checked, refusing

Email = Annotated[str, msgspec.Meta(min_length=3, max_length=320, pattern=EMAIL)]


class UserFields(Checked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a user shall be. `models` bounds its keys outside of a team; empty: no bound."""

    user_id: Name | None = None
    user_email: Email | None = None
    user_alias: Name | None = None
    user_role: str | None = None
    models: Names | None = None
    metadata: dict[str, object] | None = None
    blocked: bool | None = None


class NewUser(UserFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user, and the key that is made with it unless `auto_create_key` is false."""

    auto_create_key: bool = True
    key_alias: Name | None = None
    duration: str | None = None


class UserNames(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Users to remove."""

    user_ids: Names


class UserQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which user; none for the caller's own."""

    user_id: Name | None = None


class UserPageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which users, and which page of them. `user_ids` are separated by commas."""

    page: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    page_size: Annotated[int, msgspec.Meta(ge=1, le=100)] = 25
    role: str | None = None
    user_ids: str | None = None
    user_email: str | None = None


class CreatedUser(UserView, frozen=True, kw_only=True):
    """A new user; `key` is the text of its key, shown this once."""

    key: str | None
    token: str | None
    key_alias: str | None
    teams: tuple[str, ...] = ()


class UpdatedUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user that was changed."""

    user_id: str
    data: UserView


class UserInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A user and its newest keys (at most 1000)."""

    user_id: str
    user_info: UserView
    keys: list[KeyView]
    teams: list[str] = []


class UserPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of users."""

    users: list[UserView]
    total: int
    page: int
    page_size: int
    total_pages: int


class UserRoutes:
    """Handlers of the user routes."""

    def __init__(self, service: UserService, keys: KeyService) -> None:
        """Serve these use-cases; `keys` makes the key that comes with a user."""
        self._service = service
        self._keys = keys

    async def create(self, visit: Visit) -> Response:
        """Make a user, and its first key if wanted; both or none."""
        body: NewUser = visit.body
        user = await self._service.create(visit.caller, _wish(body), body.user_id)
        text = token = None
        if body.auto_create_key:
            wish = KeyWish(alias=body.key_alias, duration=body.duration, user_id=user.id)
            try:
                issued = await self._keys.generate(visit.caller, wish)
            except GatewayError:
                await self._service.delete([user.id])
                raise
            text, token = issued.secret.reveal(), issued.record.id
        shown = msgspec.structs.asdict(view_user(user))
        return json_response(CreatedUser(**shown, key=text, token=token, key_alias=body.key_alias))

    async def update(self, visit: Visit) -> Response:
        """Change a user, named by id or by email."""
        body: UserFields = visit.body
        if body.user_id is None and body.user_email is None:
            raise InvalidRequest("'user_id' or 'user_email' must name a user.", param="user_id")
        id_ = await self._service.resolve(body.user_id, body.user_email)
        user = await self._service.update(visit.caller, id_, _wish(body))
        return json_response(UpdatedUser(user_id=user.id, data=view_user(user)))

    async def delete(self, visit: Visit) -> Response:
        """Remove users; answers how many there were, as LiteLLM does."""
        body: UserNames = visit.body
        return json_response(len(await self._service.delete(body.user_ids)))

    async def info(self, visit: Visit) -> Response:
        """Show a user; without the admin scope only the caller's own."""
        query: UserQuery = visit.query
        caller = visit.caller
        wanted = query.user_id or caller.user_id
        if wanted is None:
            raise InvalidRequest("This key belongs to no user; name one.", param="user_id")
        if wanted != caller.user_id and not caller.has_scope(Scope.ADMIN):
            raise Forbidden("This key may only ask about its own user.", code="missing_scope")
        user, keys = await self._service.find(wanted)
        shown = [view_key(key) for key in keys]
        return json_response(UserInfo(user_id=user.id, user_info=view_user(user), keys=shown))

    async def page(self, visit: Visit) -> Response:
        """List users."""
        query: UserPageQuery = visit.query
        ids = None if query.user_ids is None else set(query.user_ids.split(","))
        found = [
            user
            for user in await self._service.find_all()
            if (query.role is None or user.role == query.role)
            and (ids is None or user.id in ids)
            and (query.user_email is None or query.user_email in (user.email or ""))
        ]
        begin = (query.page - 1) * query.page_size
        return json_response(
            UserPage(
                users=[view_user(user) for user in found[begin : begin + query.page_size]],
                total=len(found),
                page=query.page,
                page_size=query.page_size,
                total_pages=-(-len(found) // query.page_size),
            )
        )


def endpoints(service: UserService, keys: KeyService) -> tuple[Endpoint, ...]:
    """Make the endpoints of the family."""
    routes = UserRoutes(service, keys)
    return (
        _post("new", routes.create, "Make a user, with a key", refusing(NewUser), CreatedUser, 409),
        _post("update", routes.update, "Change a user", refusing(UserFields), UpdatedUser, 404),
        _post("delete", routes.delete, "Remove users and their keys", UserNames, int, 404),
        Endpoint(
            method="GET",
            path="/user/info",
            scope=Scope.ANY,
            handler=routes.info,
            name="get_user_info",
            summary="Show a user and its keys; without the admin scope only one's own",
            tag="users",
            query=UserQuery,
            answer=UserInfo,
            errors=(403, 404),
        ),
        Endpoint(
            method="GET",
            path="/user/list",
            scope=Scope.ADMIN,
            handler=routes.page,
            name="list_user_page",
            summary="List users",
            tag="users",
            query=UserPageQuery,
            answer=UserPage,
        ),
    )


def _post(
    verb: str, handler: Handler, summary: str, body: type, answer: type, error: int
) -> Endpoint:
    return Endpoint(
        method="POST",
        path=f"/user/{verb}",
        scope=Scope.ADMIN,
        handler=handler,
        name=f"{verb}_user",
        summary=summary,
        tag="users",
        body=body,
        answer=answer,
        errors=(error,),
    )


def _wish(body: UserFields) -> UserWish:
    return UserWish(
        alias=body.user_alias,
        email=body.user_email,
        role=body.user_role,
        models=body.models,
        metadata=body.metadata,
        blocked=body.blocked,
    )
