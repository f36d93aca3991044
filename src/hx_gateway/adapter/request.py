"""Turn a call into the request one deployment is sent: relayed if it can be, else translated."""

from collections.abc import Callable, Mapping

import msgspec
from msgspec import Raw

from hx_gateway.adapter.contract import apply_terms, check_losses, check_tools, terms_of
from hx_gateway.adapter.headers import client_headers
from hx_gateway.adapter.limit import within
from hx_gateway.adapter.loss import left_behind
from hx_gateway.adapter.mend import bounded, mended
from hx_gateway.adapter.passing import with_passed
from hx_gateway.adapter.quirks import without, without_paths
from hx_gateway.core.call import Call, Operation
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.core.http import JSON_TYPE, Header, HttpRequest
from hx_gateway.core.provider import Draft, Place, WayOut
from hx_gateway.core.route import Deployment
from hx_gateway.core.wire import encode
from hx_gateway.dialects.openai_embeddings import count_inputs
from hx_gateway.dialects.registry import WAYS_IN

# What LiteLLM's `mode` says about the format a deployment is to be asked in.
_MODES = {"responses": "openai_responses"}


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A request ready to be sent, and how to read what comes back.

    `relayed`: the answer's bytes are in the client's own format. `changed`: what was renamed,
    clamped, set or dropped on the way, for `x-hx-changed`.
    """

    request: HttpRequest
    out: WayOut
    relayed: bool
    changed: tuple[str, ...] = ()


def prepare(call: Call, deployment: Deployment) -> Prepared:
    """Make the request for one attempt; raises InvalidRequest for what cannot be sent there."""
    draft, out, relayed = draft_of(call, deployment)
    own: tuple[Header, ...] = (
        JSON_TYPE,
        *deployment.provider.auth.headers(deployment.credential),
        *draft.headers,
        *deployment.headers,
    )
    headers = with_passed(own, call, deployment)
    request = HttpRequest(path=draft.path, headers=headers, body=encode(draft.fields))
    return Prepared(request=request, out=out, relayed=relayed, changed=draft.changed)


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """What the relayed calls to one deployment have in common when only the model changes."""

    out: WayOut
    path: str
    headers: tuple[Header, ...]


class Lanes:
    """Prepares the calls of one snapshot; what never changes is found out once a deployment."""

    __slots__ = ("_lanes",)

    def __init__(self) -> None:
        """Know no deployment yet."""
        self._lanes: dict[tuple[str, str, str], Lane | None] = {}

    def prepare(self, call: Call, deployment: Deployment) -> Prepared:
        """See `prepare`."""
        key = (deployment.id, call.operation, call.dialect)
        lane = self._lanes.get(key)
        if lane is None:
            if key in self._lanes:
                return prepare(call, deployment)
            lane = self._lanes[key] = lane_of(call, deployment)
        if lane is None or call.headers or call.contract is not None:
            return prepare(call, deployment)
        out = lane.out
        body = encode(out.adapt(dict(call.fields), deployment.model, stream=call.stream))
        request = HttpRequest(path=lane.path, headers=lane.headers, body=body)
        return Prepared(request=request, out=out, relayed=True)


def lane_of(call: Call, deployment: Deployment) -> Lane | None:
    """Find the lane of calls like this one; None when each of them has to be looked at."""
    provider = deployment.provider
    out = way_out_of(call, deployment)
    if (
        out.name != call.dialect
        or call.operation is Operation.EMBED
        or deployment.defaults
        or deployment.dropped
        or deployment.mends
        or deployment.passes_headers
        or deployment.params != "forward"
        or provider.quirks
        or provider.headers
        or provider.locate is not None
    ):
        return None
    auth = provider.auth.headers(deployment.credential)
    return Lane(
        out=out,
        path=deployment.base_path + out.path,
        headers=(JSON_TYPE, *auth, *deployment.headers),
    )


def draft_of(call: Call, deployment: Deployment) -> tuple[Draft, WayOut, bool]:
    """Decide everything about the request except its credential and bytes."""
    provider = deployment.provider
    out = way_out_of(call, deployment)
    relayed = out.name == call.dialect
    fields: Mapping[str, Raw] = call.fields
    if deployment.defaults:
        fields = {**deployment.defaults, **fields}
    terms = terms_of(call, deployment)
    fields, dropped = apply_terms(fields, terms, {call.dialect, out.name}, provider.params)
    if relayed:
        body = out.adapt(dict(fields), deployment.model, stream=call.stream)
    else:
        whole = call if fields is call.fields else msgspec.structs.replace(call, fields=fields)
        way_in = WAYS_IN[call.dialect]
        question, clamped = within(way_in.read(whole), deployment.max_output_tokens)
        if deployment.mends:
            question, notes = mended(question, out)
            dropped += notes
        out = _fitted(out, deployment)
        body = out.encode(question, deployment.model, stream=call.stream)
        lost = left_behind(fields, question, way_in, out)
        check_losses(lost, terms)
        check_tools(question, out.name, terms)
        dropped += (*lost, *clamped)
    if call.operation is Operation.EMBED:
        out = _expecting(out, count_inputs(fields))
    headers, refused = client_headers(provider, call.headers)
    draft = Draft(
        path=path_to(deployment, out),
        fields=body,
        headers=headers,
        changed=(*dropped, *refused),
    )
    if terms.dropped:
        draft = without_paths(without(draft, tuple(terms.dropped)), terms.dropped)
    if deployment.mends:
        draft = bounded(draft, deployment.max_output_tokens)
    for quirk in provider.quirks:
        draft = quirk(draft)
    return draft, out, relayed


def path_to(deployment: Deployment, out: WayOut) -> str:
    """Give a request's path: the base URL's and the format's, or what the vendor makes of it."""
    locate = deployment.provider.locate
    if locate is None:
        return deployment.base_path + out.path
    return locate(
        Place(
            base=deployment.base_path,
            path=out.path,
            model=deployment.model,
            version=deployment.api_version,
        )
    )


def way_out_of(call: Call, deployment: Deployment) -> WayOut:
    """Choose the format a deployment is asked in; raises InvalidRequest when it has none."""
    ways = deployment.provider.speaks.get(call.operation)
    if not ways:
        raise InvalidRequest(
            f"The model '{call.model}' does not answer this kind of request.",
            param="model",
            code="unsupported_operation",
        )
    chosen = _MODES.get(deployment.mode or "")
    for way in ways:
        if way.name == (chosen or call.dialect):
            # What merely imitates the vendor may not speak all that the vendor does.
            is_sure = chosen or way.name not in deployment.provider.at_home
            return way if is_sure or is_at_home(deployment) else ways[0]
    return ways[0]


def is_at_home(deployment: Deployment) -> bool:
    """Tell whether a deployment is at its vendor's own address."""
    origin = deployment.origin
    address = f"{origin.scheme}://{origin.authority}{deployment.base_path}"
    return address == (deployment.provider.base_url or "").rstrip("/")


def _fitted(out: WayOut, deployment: Deployment) -> WayOut:
    """Tell a way out which model it leads to, where that makes a difference."""
    fitted: Callable[[str, int | None], WayOut] | None = getattr(out, "fitted", None)
    return out if fitted is None else fitted(deployment.model, deployment.max_output_tokens)


def _expecting(out: WayOut, inputs: int) -> WayOut:
    """Tell a way out of embeddings how many vectors must come back, where it can be told."""
    expecting: Callable[[int], WayOut] | None = getattr(out, "expecting", None)
    return out if expecting is None else expecting(inputs)
