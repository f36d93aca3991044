"""What a client says beside the call: its `User-Agent`, its session, headers that may go on.

Read only where the configuration makes something of it. Names of sessions are looked for where
LiteLLM does, and where the clients that we know put them.
"""

import re
from collections.abc import Mapping

import msgspec
from msgspec import Raw

from hx_gateway.adapter.passing import passable
from hx_gateway.core import wire
from hx_gateway.core.call import Hints
from hx_gateway.core.snapshot import Snapshot
from hx_gateway.pipeline.planner import affinities_of
from hx_gateway.routing.pins import SESSION

_NAMED = (b"x-litellm-trace-id", b"x-litellm-session-id")
_OF_A_VENDOR = re.compile(rb"x-.+-session-id")
_OF_CODEX = (b"session-id", b"session_id", b"thread-id", b"conversation_id")
_PLAIN = b"x-session-id"
_GOOD = re.compile(rb"[A-Za-z0-9_-]{8,256}")
_MARK = "_session_"  # in what Claude Code sends as the user's id


class _Metadata(msgspec.Struct):
    session_id: str | None = None
    user_id: str | None = None


class HintReader:
    """Reads the hints that a configuration wants."""

    def __init__(
        self,
        *,
        agent: bool = False,
        session: bool = False,
        headers: bool = False,
        key_header: bytes | None = None,
    ) -> None:
        """At least one of them. `key_header`: where keys are, so it never goes on."""
        self._agent = agent
        self._session = session
        self._headers = headers
        self._key_header = key_header

    def read(
        self, headers: Mapping[bytes, bytes], fields: Mapping[str, Raw], taken: Mapping[str, Raw]
    ) -> Hints | None:
        """Read them; `taken` are the fields that speak to the gateway. None: there are none."""
        agent = headers.get(b"user-agent", b"").decode("latin-1") if self._agent else ""
        session = session_of(headers, fields, taken) if self._session else None
        passed = passable(headers, self._key_header) if self._headers else ()
        if not (agent or session or passed):
            return None
        return Hints(agent=agent, session=session, headers=passed)


def hint_reader(snapshot: Snapshot) -> HintReader | None:
    """Make the reader of a configuration; None when it wants none of them."""
    agent = any(each.tag_regex for each in snapshot.deployments.values())
    routes = (*snapshot.routes.values(), *snapshot.wildcards)
    session = any(SESSION in affinities_of(route, snapshot.routing) for route in routes)
    headers = any(each.passes_headers for each in snapshot.deployments.values())
    if not (agent or session or headers):
        return None
    return HintReader(
        agent=agent, session=session, headers=headers, key_header=snapshot.auth.key_header
    )


def session_of(
    headers: Mapping[bytes, bytes], fields: Mapping[str, Raw], taken: Mapping[str, Raw]
) -> str | None:
    """Name the session of a call; None when it says none."""
    found = _in_headers(headers)
    if found is not None:
        return found
    own = _text(taken.get("litellm_session_id"))
    if own:
        return own
    for place in (taken.get("litellm_metadata"), fields.get("metadata")):
        metadata = _metadata(place)
        if metadata.session_id:
            return metadata.session_id
        _, mark, session = (metadata.user_id or "").rpartition(_MARK)
        if mark and session:
            return session
    return None


def _in_headers(headers: Mapping[bytes, bytes]) -> str | None:
    for name in _NAMED:
        if value := headers.get(name):
            return value.decode("latin-1")
    vendors = [name for name in headers if _OF_A_VENDOR.fullmatch(name) and name not in _NAMED]
    is_codex = b"codex" in headers.get(b"user-agent", b"").lower()
    for name in (*vendors, *(_OF_CODEX if is_codex else ()), _PLAIN):
        value = headers.get(name, b"")
        if _GOOD.fullmatch(value):
            return value.decode("ascii")
    return None


def _text(raw: Raw | None) -> str | None:
    try:
        return None if raw is None else msgspec.json.decode(raw, type=str | None)
    except wire.NOT_JSON:
        return None


def _metadata(raw: Raw | None) -> _Metadata:
    """Read what is there; other people's metadata may hold anything."""
    try:
        return _Metadata() if raw is None else msgspec.json.decode(raw, type=_Metadata)
    except wire.NOT_JSON:
        return _Metadata()
