"""Who answered before answers again: sessions, keys, prompts; for a time, and bounded."""

from typing import Any

import msgspec
from tests.support.calls import ask
from tests.support.deployments import deployment, route

from hx_gateway.core.call import Call, Hints
from hx_gateway.routing.pins import KEY, PROMPT, SESSION, Mark, Marks, PinRules, Pins

A, B = deployment("a"), deployment("b")
M = route("m", A, B)
BOTH = [A, B]
TTL_S = 100.0


def rules(*affinities: str, pins: Pins | None = None, **fields: Any) -> PinRules:
    made = Pins() if pins is None else pins
    return PinRules(pins=made, affinities=frozenset(affinities), ttl_s=TTL_S, **fields)


def call(session: str | None = None, **fields: Any) -> Call:
    hints = Hints(session=session) if session else None
    return msgspec.structs.replace(ask(**fields), hints=hints)


def went_to(made: PinRules, marks: Marks, now: float = 1.0) -> list[str]:
    return [each.id for each in made.prefer(BOTH, marks, now)]


def test_a_session_stays_where_it_was_answered() -> None:
    made = rules(SESSION)
    marks = made.marks_of(call("s"), M, "key")
    assert went_to(made, marks) == ["a", "b"]
    made.chosen(B, marks.marks, 1.0)
    assert went_to(made, marks) == ["b"]
    for other in (call("t"), call()):
        assert went_to(made, made.marks_of(other, M, "key")) == ["a", "b"]
    assert went_to(made, made.marks_of(call("s"), M, "other key")) == ["a", "b"]
    assert went_to(made, made.marks_of(call("s"), route("n", A, B), "key")) == ["a", "b"]


def test_a_key_stays_where_it_was_answered_and_a_session_of_it_goes_before() -> None:
    made = rules(SESSION, KEY)
    made.chosen(A, made.marks_of(call(), M, "key").marks, 1.0)
    assert went_to(made, made.marks_of(call("s"), M, "key")) == ["a"]
    session_alone = rules(SESSION, pins=made.pins).marks_of(call("s"), M, "key").marks
    made.chosen(B, session_alone, 2.0)
    assert went_to(made, made.marks_of(call("s"), M, "key"), 2.0) == ["b"]
    assert went_to(made, made.marks_of(call(), M, "key"), 2.0) == ["a"]


def test_a_kept_prompt_goes_where_it_is_kept_whoever_asks() -> None:
    made = rules(PROMPT)
    block = {"type": "text", "text": "word " * 1000, "cache_control": {"type": "ephemeral"}}
    kept = call(messages=[{"role": "user", "content": [block]}])
    made.chosen(B, made.marks_of(kept, M, "key").marks, 1.0)
    assert went_to(made, made.marks_of(kept, M, "other key")) == ["b"]
    assert made.marks_of(call(), M, "key") == Marks()


def test_one_that_cannot_answer_now_binds_nobody_and_the_next_takes_its_place() -> None:
    made = rules(SESSION)
    marks = made.marks_of(call("s"), M, "key")
    made.chosen(A, marks.marks, 1.0)
    assert [each.id for each in made.prefer([B], marks, 2.0)] == ["b"]
    made.chosen(B, marks.marks, 2.0)
    assert went_to(made, marks, 3.0) == ["b"]


def test_a_note_ends_unless_it_is_used() -> None:
    made = rules(SESSION)
    marks = made.marks_of(call("s"), M, "key")
    made.chosen(B, marks.marks, 1.0)
    made.chosen(B, marks.marks, 1.0 + 0.6 * TTL_S)
    assert went_to(made, marks, 1.0 + 1.5 * TTL_S) == ["b"]
    assert went_to(made, marks, 1.0 + 1.6 * TTL_S) == ["a", "b"]


def test_who_only_looks_notes_nothing() -> None:
    made = rules(SESSION, notes=False)
    marks = made.marks_of(call("s"), M, "key")
    made.chosen(B, marks.marks, 1.0)
    assert went_to(made, marks) == ["a", "b"]


def test_others_are_told_of_what_is_new_and_not_of_each_call() -> None:
    told: list[tuple[str, str, float]] = []
    pins, mark = Pins(), Mark("n", TTL_S)
    pins.on_change = lambda *what: told.append(what)
    for now in (1.0, 2.0, 3.0):
        pins.note(mark, "a", now)
    pins.note(mark, "b", 4.0)
    pins.note(mark, "b", 4.0 + 0.6 * TTL_S)  # before it ends elsewhere
    pins.learn(Mark("o", TTL_S), "a", 5.0)
    assert [(name, id_) for name, id_, _ in told] == [("n", "a"), ("n", "b"), ("n", "b")]


def test_only_so_many_are_kept_and_the_oldest_go() -> None:
    pins = Pins(most=2)
    for name in ("x", "y", "z"):
        pins.note(Mark(name, TTL_S), "a", 1.0)
    assert [pins.get(name, 1.0) for name in ("x", "y", "z")] == [None, "a", "a"]


def test_a_clients_own_text_is_in_no_name() -> None:
    marks = rules(SESSION).marks_of(call("canary"), M, "key")
    assert "canary" not in marks.names[0]
