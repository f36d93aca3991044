"""What stops a migration says by what."""

from hx_gateway.store.migrate.errors import Failed, Locked, Obstructed
from hx_gateway.store.migrate.plan import Obstacle, Problem


def test_each_error_names_its_cause() -> None:
    obstacle = Obstacle(problem=Problem.NEWER, names=("0009_post_z",))
    assert "0009_post_z" in str(Obstructed(obstacle))
    assert str(Locked(("process 1", "process 2"))) == "process 1; process 2"
    assert str(Failed("0001_pre_a", "syntax error")) == "0001_pre_a: syntax error"
