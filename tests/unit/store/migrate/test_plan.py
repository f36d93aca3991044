"""What a database needs is decided from values alone."""

import pytest

from hx_gateway.store.migrate.plan import (
    TABLES,
    Entry,
    Kind,
    Migration,
    Obstacle,
    Problem,
    blocks_serving,
    kind_of,
    make_plan,
)


def step(name: str) -> Migration:
    return Migration(name=name, kind=kind_of(name) or Kind.PRE, sql="", checksum=f"sha of {name}")


def entry(name: str, *, checksum: str | None = None, finished: bool = True) -> Entry:
    return Entry(name=name, checksum=checksum or f"sha of {name}", finished=finished)


A, B, C = step("0001_pre_a"), step("0002_post_b"), step("0003_pre_c")


def test_an_empty_database_needs_everything_in_order() -> None:
    plan = make_plan([A, B], None, ())
    assert (plan.pending, plan.applied, plan.obstacle, plan.version) == ((A, B), (), None, None)


def test_what_the_ledger_has_is_not_pending() -> None:
    plan = make_plan([A, B, C], [entry(B.name), entry(A.name)], TABLES)
    assert plan.pending == (C,)
    assert plan.applied == (A.name, B.name)
    assert plan.version == B.name
    assert plan.obstacle is None


def test_tables_of_others_are_no_obstacle() -> None:
    assert make_plan([A], None, {"LiteLLM_TeamTable", "users"}).obstacle is None


@pytest.mark.parametrize(
    ("ledger", "tables", "obstacle"),
    [
        (None, {"hx_keys"}, Obstacle(problem=Problem.LEDGER_MISSING, names=("hx_keys",))),
        ([], {"hx_keys"}, Obstacle(problem=Problem.LEDGER_MISSING, names=("hx_keys",))),
        (
            [entry(A.name, finished=False)],
            (),
            Obstacle(problem=Problem.HALF_WRITTEN, names=(A.name,)),
        ),
        (
            [entry(A.name), entry("0009_pre_z")],
            TABLES,
            Obstacle(problem=Problem.NEWER, names=("0009_pre_z",)),
        ),
        (
            [entry(A.name, checksum="other")],
            TABLES,
            Obstacle(problem=Problem.CHANGED, names=(A.name,)),
        ),
        (
            [entry(A.name), entry(B.name)],
            TABLES - {"hx_users"},
            Obstacle(problem=Problem.TABLES_MISSING, names=("hx_users",)),
        ),
    ],
)
def test_a_ledger_that_disagrees_is_an_obstacle(
    ledger: list[Entry] | None, tables: set[str], obstacle: Obstacle
) -> None:
    assert make_plan([A, B], ledger, tables).obstacle == obstacle


def test_tables_may_be_missing_while_steps_are_pending() -> None:
    assert make_plan([A, B], [entry(A.name)], ()).obstacle is None


@pytest.mark.parametrize(
    ("ledger", "tables", "code"),
    [
        (None, (), "schema_missing"),
        (None, {"hx_keys"}, "schema_ledger_missing"),
        ([entry(A.name)], TABLES, "schema_outdated"),
        ([entry(A.name), entry(C.name)], TABLES, None),  # only a post step is pending
        ([entry(A.name), entry(B.name), entry(C.name)], TABLES, None),
        ([entry(one) for one in (A.name, B.name, C.name, "0009_pre_z")], TABLES, None),
        ([entry(one) for one in (A.name, B.name, C.name, "0009_post_z")], TABLES, "schema_newer"),
        ([entry(one) for one in (A.name, "0009_pre_z")], TABLES, "schema_outdated"),
    ],
)
def test_a_rollout_does_not_stop_the_running_release(
    ledger: list[Entry] | None, tables: set[str], code: str | None
) -> None:
    assert blocks_serving(make_plan([A, B, C], ledger, tables)) == code


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("0001_pre_a", Kind.PRE),
        ("0001_post_a_b", Kind.POST),
        ("0001_a", None),
        ("0001_later_a", None),
        ("pre", None),
    ],
)
def test_the_kind_is_in_the_name(name: str, kind: Kind | None) -> None:
    assert kind_of(name) is kind
