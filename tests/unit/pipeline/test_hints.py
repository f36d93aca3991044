"""What clients say of themselves: read where they put it, harmless whatever it is."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.deployments import deployment, route

from hx_gateway.core import wire
from hx_gateway.core.call import Hints
from hx_gateway.core.snapshot import RoutingSettings, Snapshot
from hx_gateway.pipeline.hints import HintReader, hint_reader, session_of

ID = "e96634a3-fa28-4083-b354-55542e2dca01"


def session(
    headers: dict[bytes, bytes] | None = None,
    body: dict[str, Any] | None = None,
    taken: dict[str, Any] | None = None,
) -> str | None:
    def raw(values: dict[str, Any] | None) -> Any:
        return {name: wire.raw(value) for name, value in (values or {}).items()}

    return session_of(headers or {}, raw(body), raw(taken))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({b"x-litellm-session-id": b"any text"}, "any text"),
        ({b"x-litellm-trace-id": b"t", b"x-litellm-session-id": b"s"}, "t"),
        ({b"x-claude-code-session-id": ID.encode()}, ID),
        ({b"x-claude-code-session-id": b"short"}, None),
        ({b"x-session-id": ID.encode()}, ID),
        ({b"session-id": ID.encode()}, None),  # anybody might send this
        ({b"session-id": ID.encode(), b"user-agent": b"codex_cli_rs/1"}, ID),
        ({b"thread-id": ID.encode(), b"user-agent": b"Codex/1"}, ID),
        ({}, None),
    ],
)
def test_a_session_is_read_from_the_headers_that_clients_send(
    headers: dict[bytes, bytes], expected: str | None
) -> None:
    assert session(headers) == expected


@pytest.mark.parametrize(
    ("body", "taken", "expected"),
    [
        ({"metadata": {"session_id": "s"}}, {}, "s"),
        ({}, {"litellm_metadata": {"session_id": "s"}}, "s"),
        ({}, {"litellm_session_id": "s"}, "s"),
        ({"metadata": {"session_id": "a"}}, {"litellm_session_id": "b"}, "b"),
        ({"metadata": {"user_id": f"user_1_account__session_{ID}"}}, {}, ID),
        ({"metadata": {"user_id": "user_1"}}, {}, None),
        ({"metadata": {"user_id": "user_session_"}}, {}, None),
        ({"metadata": {"session_id": 5}}, {}, None),
        ({"metadata": [1]}, {}, None),
        ({"metadata": None}, {"litellm_session_id": 7}, None),
    ],
)
def test_a_session_is_read_from_the_body(
    body: dict[str, Any], taken: dict[str, Any], expected: str | None
) -> None:
    assert session({}, body, taken) == expected


def test_a_header_goes_before_the_body() -> None:
    assert session({b"x-litellm-session-id": b"h"}, {"metadata": {"session_id": "b"}}) == "h"


def test_only_what_is_wanted_is_read() -> None:
    headers = {b"user-agent": b"curl/8", b"x-session-id": ID.encode()}
    assert HintReader(agent=True, session=False).read(headers, {}, {}) == Hints(agent="curl/8")
    assert HintReader(agent=False, session=True).read(headers, {}, {}) == Hints(session=ID)
    assert HintReader(agent=True, session=True).read({}, {}, {}) is None


def test_headers_that_may_go_on_are_read_and_the_one_with_the_key_is_not() -> None:
    headers = {b"x-trace": b"1", b"x-door": b"sk-1", b"cookie": b"c"}
    reader = HintReader(headers=True, key_header=b"x-door")
    assert reader.read(headers, {}, {}) == Hints(headers=((b"x-trace", b"1"),))
    assert reader.read({b"cookie": b"c"}, {}, {}) is None


def test_a_configuration_that_routes_by_no_hint_reads_none() -> None:
    def snapshot(**fields: Any) -> Snapshot:
        one = deployment("a", **fields)
        return Snapshot(state_dir=Path("unused"), routes={}, deployments={one.id: one})

    assert hint_reader(snapshot()) is None
    assert hint_reader(snapshot(tag_regex=("x",))) is not None
    assert hint_reader(snapshot(passes_headers=True)) is not None


def test_sessions_are_read_where_a_route_keeps_them_together() -> None:
    two = route("m", deployment("a"), deployment("b"))
    checks = RoutingSettings(optional_pre_call_checks=("session_affinity",))
    folder = Path("unused")
    reader = hint_reader(Snapshot(state_dir=folder, routes={"m": two}, routing=checks))
    assert reader is not None
    assert reader.read({b"x-session-id": ID.encode()}, {}, {}) == Hints(session=ID)
    assert hint_reader(Snapshot(state_dir=folder, routes={"m": two})) is None
