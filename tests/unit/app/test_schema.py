"""An outcome says what a plan says."""

import pytest

from hx_gateway.app.schema import Outcome, Verdict, outcome_of
from hx_gateway.store.migrate.plan import Kind, Migration, Obstacle, Plan, Problem

STEP = Migration(name="0002_pre_b", kind=Kind.PRE, sql="", checksum="")


def outcome(plan: Plan) -> Outcome:
    return outcome_of(plan, engine="SQLite", address="a", server="3", done=("0001_pre_a",))


def test_a_current_schema_has_its_version() -> None:
    made = outcome(Plan(applied=("0001_pre_a",), pending=()))
    assert (made.verdict, made.version, made.pending) == (Verdict.CURRENT, "0001_pre_a", ())
    assert made.done == ("0001_pre_a",)


def test_what_is_pending_is_named() -> None:
    made = outcome(Plan(applied=(), pending=(STEP,)))
    assert (made.verdict, made.version, made.pending) == (Verdict.PENDING, None, (STEP.name,))


@pytest.mark.parametrize("problem", Problem)
def test_every_problem_is_a_verdict(problem: Problem) -> None:
    """An obstacle wins over what is pending."""
    obstacle = Obstacle(problem=problem, names=("x",))
    made = outcome(Plan(applied=(), pending=(STEP,), obstacle=obstacle))
    assert made.verdict is Verdict(problem.value)
    assert made.names == ("x",)
