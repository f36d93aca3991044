"""The four lists an operator asks for first: keys (by two names), teams, users."""

from typing import Annotated

import msgspec

from hx_gateway.core.http import Response
from hx_gateway.core.principal import Scope
from hx_gateway.manage.directory import Directory
from hx_gateway.web.endpoint import Endpoint, Handler, Visit
from hx_gateway.web.key_views import KeyView, TeamView, UserView, view_key, view_team, view_user
from hx_gateway.web.respond import json_response


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a long list."""

    offset: Annotated[int, msgspec.Meta(ge=0, le=100_000_000)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


class KeyList(msgspec.Struct, frozen=True, kw_only=True):
    """Keys, newest first; `total` counts all there are."""

    object: str = "list"
    data: list[KeyView]
    total: int


class TeamList(msgspec.Struct, frozen=True, kw_only=True):
    """All teams."""

    object: str = "list"
    data: list[TeamView]


class UserList(msgspec.Struct, frozen=True, kw_only=True):
    """All users."""

    object: str = "list"
    data: list[UserView]


class DirectoryRoutes:
    """Handlers of the lists."""

    def __init__(self, directory: Directory) -> None:
        """Read from this directory."""
        self._directory = directory

    async def keys(self, visit: Visit) -> Response:
        """List keys."""
        window: Window = visit.query
        records, total = await self._directory.keys(offset=window.offset, limit=window.limit)
        return json_response(KeyList(data=[view_key(key) for key in records], total=total))

    async def teams(self, _visit: Visit) -> Response:
        """List teams."""
        return json_response(
            TeamList(data=[view_team(team) for team in await self._directory.teams()])
        )

    async def users(self, _visit: Visit) -> Response:
        """List users."""
        return json_response(
            UserList(data=[view_user(user) for user in await self._directory.users()])
        )


def endpoints(directory: Directory) -> tuple[Endpoint, ...]:
    """Make the endpoints of the family; the store's absence is a 503 that names it."""
    routes = DirectoryRoutes(directory)
    return (
        _get("keys", "list_keys", routes.keys, KeyList),
        _get("api_keys", "list_api_keys", routes.keys, KeyList),
        _get("teams", "list_teams", routes.teams, TeamList),
        _get("users", "list_users", routes.users, UserList),
    )


def _get(noun: str, name: str, handler: Handler, answer: type) -> Endpoint:
    return Endpoint(
        method="GET",
        path=f"/v1/{noun}",
        scope=Scope.ADMIN,
        handler=handler,
        name=name,
        summary=f"List {noun.replace('_', ' ')}",
        tag="directory",
        query=Window if answer is KeyList else None,
        answer=answer,
    )
