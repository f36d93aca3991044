"""The team routes, in LiteLLM's shapes: new, update, delete, block, unblock, info, list."""

import msgspec

from hx_gateway.core.http import Response
from hx_gateway.core.principal import Scope
from hx_gateway.manage.teams import TeamService, TeamWish
from hx_gateway.web.endpoint import Endpoint, Handler, Visit
from hx_gateway.web.key_views import KeyView, TeamView, view_key, view_team
from hx_gateway.web.keys import Name, Names
from hx_gateway.web.respond import json_response
from hx_gateway.web.unsupported import Checked, refusing


class TeamFields(Checked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a team shall be. `models` bounds what its keys may use; empty: no bound."""

    team_id: Name | None = None
    team_alias: Name | None = None
    models: Names | None = None
    metadata: dict[str, object] | None = None
    blocked: bool | None = None


class TeamUpdate(TeamFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall be different about a team; null leaves it as it is."""

    team_id: Name


class TeamName(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One team."""

    team_id: Name


class TeamNames(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Teams to remove."""

    team_ids: Names


class TeamQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which team."""

    team_id: Name


class UpdatedTeam(msgspec.Struct, frozen=True, kw_only=True):
    """A team that was changed."""

    team_id: str
    data: TeamView


class DeletedTeams(msgspec.Struct, frozen=True, kw_only=True):
    """The teams that were removed."""

    deleted_teams: list[str]


class TeamInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A team and its newest keys (at most 1000)."""

    team_id: str
    team_info: TeamView
    keys: list[KeyView]
    team_memberships: list[str] = []


class TeamRoutes:
    """Handlers of the team routes."""

    def __init__(self, service: TeamService) -> None:
        """Serve these use-cases."""
        self._service = service

    async def create(self, visit: Visit) -> Response:
        """Make a team."""
        body: TeamFields = visit.body
        team = await self._service.create(visit.caller, _wish(body), body.team_id)
        return json_response(view_team(team))

    async def update(self, visit: Visit) -> Response:
        """Change a team."""
        body: TeamUpdate = visit.body
        team = await self._service.update(visit.caller, body.team_id, _wish(body))
        return json_response(UpdatedTeam(team_id=team.id, data=view_team(team)))

    async def delete(self, visit: Visit) -> Response:
        """Remove teams."""
        body: TeamNames = visit.body
        return json_response(DeletedTeams(deleted_teams=await self._service.delete(body.team_ids)))

    async def block(self, visit: Visit) -> Response:
        """Refuse all keys of a team from now on."""
        return await self._set_blocked(visit, blocked=True)

    async def unblock(self, visit: Visit) -> Response:
        """Let the keys of a team in again."""
        return await self._set_blocked(visit, blocked=False)

    async def info(self, visit: Visit) -> Response:
        """Show a team."""
        query: TeamQuery = visit.query
        team, keys = await self._service.find(query.team_id)
        shown = [view_key(key) for key in keys]
        return json_response(TeamInfo(team_id=team.id, team_info=view_team(team), keys=shown))

    async def all(self, _visit: Visit) -> Response:
        """List teams."""
        return json_response([view_team(team) for team in await self._service.find_all()])

    async def _set_blocked(self, visit: Visit, *, blocked: bool) -> Response:
        body: TeamName = visit.body
        wish = TeamWish(blocked=blocked)
        return json_response(
            view_team(await self._service.update(visit.caller, body.team_id, wish))
        )


def endpoints(service: TeamService) -> tuple[Endpoint, ...]:
    """Make the endpoints of the family."""
    routes = TeamRoutes(service)
    return (
        _post("new", routes.create, "Make a team", refusing(TeamFields), TeamView, 409),
        _post("update", routes.update, "Change a team", refusing(TeamUpdate), UpdatedTeam, 404),
        _post("block", routes.block, "Refuse all keys of a team", TeamName, TeamView, 404),
        _post("unblock", routes.unblock, "Let a team's keys in again", TeamName, TeamView, 404),
        _post("delete", routes.delete, "Remove teams and their keys", TeamNames, DeletedTeams, 404),
        Endpoint(
            method="GET",
            path="/team/info",
            scope=Scope.ADMIN,
            handler=routes.info,
            name="get_team_info",
            summary="Show a team and its keys",
            tag="teams",
            query=TeamQuery,
            answer=TeamInfo,
            errors=(404,),
        ),
        Endpoint(
            method="GET",
            path="/team/list",
            scope=Scope.ADMIN,
            handler=routes.all,
            name="list_team_rows",
            summary="List teams",
            tag="teams",
            answer=list[TeamView],
        ),
    )


def _post(
    verb: str, handler: Handler, summary: str, body: type, answer: type, error: int
) -> Endpoint:
    return Endpoint(
        method="POST",
        path=f"/team/{verb}",
        scope=Scope.ADMIN,
        handler=handler,
        name=f"{verb}_team",
        summary=summary,
        tag="teams",
        body=body,
        answer=answer,
        errors=(error,),
    )


def _wish(body: TeamFields) -> TeamWish:
    return TeamWish(
        alias=body.team_alias, models=body.models, metadata=body.metadata, blocked=body.blocked
    )
