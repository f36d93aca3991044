"""What can stop a migration, besides the database being away."""

from hx_gateway.store.migrate.plan import Obstacle


class Obstructed(Exception):
    """The ledger and this program disagree; nothing was changed."""

    def __init__(self, obstacle: Obstacle) -> None:
        """Keep what stands in the way."""
        super().__init__(f"{obstacle.problem}: {', '.join(obstacle.names)}")
        self.obstacle = obstacle


class Locked(Exception):
    """Somebody else holds what is needed, and did so until the deadline; says who, if known."""

    def __init__(self, holders: tuple[str, ...]) -> None:
        """Keep one line a holder."""
        super().__init__("; ".join(holders))
        self.holders = holders


class Failed(Exception):
    """A migration's SQL was refused by the database; it was rolled back whole."""

    def __init__(self, name: str, reason: str) -> None:
        """`reason` is the database's own text, for the operator who runs the migration."""
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason
