"""A public model name, and the upstream models behind it."""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from hx_gateway.core.http import Deadlines, Header, Origin
from hx_gateway.core.node import NodeWire
from hx_gateway.core.provider import Provider
from hx_gateway.core.secret import Secret
from hx_gateway.core.usage import Price

ANY_FAULT = "Default"


class OnDisconnect(msgspec.Struct, frozen=True):
    """What becomes of an answer whose client leaves: read on for `drain_s` s, 0: cancelled."""

    drain_s: float = 0.0

    def __str__(self) -> str:
        return f"drain({self.drain_s:g})" if self.drain_s else "cancel"


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """One upstream model at one provider.

    `id` is stable over restarts. `base_path` is what precedes a dialect's own path (`/v1`).
    `defaults` are body fields sent unless the client sent its own (LiteLLM's extra litellm_params).
    `price` is None when nobody knows it. `mode` is LiteLLM's word: chat, embedding, rerank ...
    `mends`: a call may be changed so that the provider can take it.
    `node` names the server of one's own that it is on (see `Node`).
    `allowed_fails`: faults a minute that it may have, by kind (`routing/kinds.py`) or ANY_FAULT.
    `tag_regex` fit a client's `User-Agent`. `tag_filtering`: whether tags choose in its route; None
    is as everywhere.
    `passes_headers`: it is sent headers of its clients (`adapter/passing.py`).
    `is_filled`: its model name came from a caller (a wildcard caught it). `listed_as`: its name in
    the table of known models; `supports`: what it can do (`core/facts.py`).
    """

    id: str
    provider: Provider
    model: str
    origin: Origin
    base_path: str = ""
    credential: Secret | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    deadlines: Deadlines = Deadlines()
    stream_first_byte: float | None = None
    defaults: Mapping[str, Raw] = {}
    params: str = "forward"
    dropped: tuple[str, ...] = ()
    allowed: frozenset[str] = frozenset()
    mends: bool = False
    price: Price | None = None
    mode: str | None = None
    order: int = 0
    weight: float | None = None
    rpm: int | None = None
    tpm: int | None = None
    max_parallel: int | None = None
    tags: tuple[str, ...] = ()
    tag_regex: tuple[str, ...] = ()
    tag_filtering: bool | None = None
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    cooldown_s: float | None = None
    allowed_fails: Mapping[str, int] = {}
    max_retries: int | None = None
    region: str | None = None
    canned: str | None = None
    on_disconnect: OnDisconnect = OnDisconnect()
    passes_headers: bool = False
    api_version: str | None = None
    info: Mapping[str, Raw] = {}
    is_filled: bool = False
    node: str | None = None
    listed_as: str | None = None
    supports: frozenset[str] = frozenset()


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One model server of one's own. `name` is what people see; addresses are not shown.

    `parallel`: how many calls of one model it works on at once; None: found out by watching.
    """

    name: str
    provider: Provider
    wire: NodeWire
    origin: Origin
    base_path: str = ""
    credential: Secret | None = None
    headers: tuple[Header, ...] = ()
    parallel: int | None = None


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A public model name: its deployments, and what to do when they fail.

    A wildcard route (`openai/*`) keeps the pattern in `name`; what `*` caught replaces the `*` of
    each deployment's model, and `pattern` is the name it was made from. `strategy` is LiteLLM's
    name of a balance, or `adaptive`. `retries`: how often to try again, by kind of fault
    (`routing/kinds.py`) or ANY_FAULT; empty: as everywhere. `affinities` are the checks of LiteLLM
    by which its calls stay at one deployment; None: as everywhere.
    """

    name: str
    deployments: tuple[Deployment, ...]
    strategy: str = "simple-shuffle"
    fallbacks: tuple[str, ...] = ()
    context_window_fallbacks: tuple[str, ...] = ()
    content_policy_fallbacks: tuple[str, ...] = ()
    access_groups: tuple[str, ...] = ()
    retries: Mapping[str, int] = {}
    pattern: str | None = None
    hidden: bool = False
    affinities: tuple[str, ...] | None = None

    @property
    def is_alone(self) -> bool:
        """Whether there is no other deployment to go to."""
        return len(self.deployments) == 1
