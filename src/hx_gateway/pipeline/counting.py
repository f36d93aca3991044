"""Count a prompt's tokens: the upstream is asked where it can tell, else an estimate is made."""

from collections.abc import Iterable

import msgspec

from hx_gateway.adapter.counting import CountRequest, prepare_count
from hx_gateway.auth.policy import check_model
from hx_gateway.core.call import Call
from hx_gateway.core.chat import Chat
from hx_gateway.core.errors import Rejected, UpstreamError
from hx_gateway.core.http import Deadlines, Sender
from hx_gateway.core.principal import Principal
from hx_gateway.core.route import Deployment
from hx_gateway.core.tokens import count_chat
from hx_gateway.pipeline.conceal import conceal
from hx_gateway.routing.table import Table

# A count is worth little when it comes late: an estimate is there at once.
_DEADLINES = Deadlines(connect=2.0, first_byte=10.0, idle=5.0, total=15.0)


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """A number of tokens. `source`: the provider that counted, None for an estimate."""

    tokens: int
    model: str
    source: str | None = None


class TokenCounter:
    """Counts for the routes of one snapshot. Nothing is generated, so there is no receipt."""

    def __init__(self, table: Table, sender: Sender) -> None:
        """Put the parts together."""
        self._table = table
        self._sender = sender

    async def count(self, call: Call, chat: Chat, caller: Principal, *, ask: bool = True) -> Count:
        """Count a call's prompt, which is `chat`; raises GatewayError, Rejected among them.

        With `ask`, the first deployments that can count are asked, as far as they answer.
        """
        route = self._table.find(call.model)
        check_model(caller, call.model, route.access_groups)
        if ask:
            counted = await self._ask(call, route.deployments)
            if counted is not None:
                return counted
        model = route.deployments[0].model if route.deployments else call.model
        return Count(tokens=count_chat(chat), model=model)

    async def _ask(self, call: Call, deployments: Iterable[Deployment]) -> Count | None:
        for deployment in deployments:
            if deployment.canned is not None:
                continue
            prepared = prepare_count(call, deployment)
            if prepared is None:
                continue
            try:
                tokens = await self._tokens(prepared, deployment)
            except Rejected as fault:  # the caller's own mistake, in the vendor's words
                conceal(fault, deployment)
                raise
            except UpstreamError:
                continue
            return Count(tokens=tokens, model=deployment.model, source=deployment.provider.name)
        return None

    async def _tokens(self, prepared: CountRequest, deployment: Deployment) -> int:
        exchange = await self._sender.send(deployment.origin, prepared.request, _DEADLINES)
        try:
            body = await exchange.read()
            if exchange.status != 200:
                raise prepared.out.fault(exchange.status, exchange.headers, body)
            return prepared.counts.read_count(body)
        finally:
            exchange.close()
