"""What document search reports about itself; the numbers are kept elsewhere."""

from typing import Protocol


class RagMeter(Protocol):
    """Takes counts and durations. Must not raise, must not block."""

    def searched(self, result: str, path: str) -> None:
        """Count a search: `result` ok or error, `path` query or vector."""
        ...

    def upserted(self, result: str) -> None:
        """Count an upsert request: `result` ok, partial or error."""
        ...

    def embedded(self, seconds: float) -> None:
        """Note how long embedding took."""
        ...

    def vectors_used(self, op: str, seconds: float) -> None:
        """Note how long the vector engine took for one operation."""
        ...
