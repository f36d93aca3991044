"""The worker processes that serve one port together, as one of them sees the others."""

from collections.abc import Sequence
from typing import Protocol

from hx_gateway.app.children import ChildCommand
from hx_gateway.core.snapshot import Snapshot
from hx_gateway.usage.total import Family


class Fellows(Protocol):
    """What a worker shares with the others, and gets through their parent.

    `is_first`: no other worker was there before, so what is done once is this one's to do.
    """

    is_first: bool

    def serving(self, snapshot: Snapshot) -> None:
        """Say that a configuration is at work."""
        ...

    def want(self, children: Sequence[ChildCommand]) -> None:
        """Have child processes started, one of each for all workers."""
        ...

    async def totals(self) -> list[Family]:
        """Give the numbers of all workers, added up; raises DependencyError."""
        ...


def problems_of_sharing(snapshot: Snapshot) -> tuple[str, ...]:
    """Say what keeps several processes from serving a configuration as if they were one."""
    problems: list[str] = []
    if snapshot.redis.url is None:
        problems.append(
            "--workers: more than one process needs REDIS_URL (Redis or Valkey): limits are "
            "counted there, so that all processes keep them together"
        )
    cache = snapshot.cache
    if cache.is_on and not cache.is_semantic and cache.type != "redis":
        problems.append(
            f"--workers: the answer cache of type '{cache.type}' is for one process; "
            "set cache_params type: redis"
        )
    return tuple(problems)
