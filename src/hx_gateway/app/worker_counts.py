"""The numbers of all workers, added up by their parent; a number once shown never goes down.

All that is shown passes through here, so what a worker that is gone had told is not lost with it.
"""

import asyncio
from collections.abc import Sequence

from hx_gateway.app.post import Post
from hx_gateway.usage.total import WORKER_ENDS, Family, Sample, counts, total

KEEP_EVERY_S = 5.0  # what a worker counted since then is lost when it is killed


class WorkerCounts:
    """What the workers of some posts counted, those that are gone included."""

    def __init__(self, posts: Sequence[Post]) -> None:
        """Nothing was counted yet."""
        self._posts = posts
        self._retired: list[Family] = []
        self._ends = 0

    async def all(self) -> list[Family]:
        """Ask every worker for its numbers and add them up."""
        await asyncio.gather(*(post.count() for post in self._posts))
        ends = Sample(f"{WORKER_ENDS}_total", (), self._ends)
        own = [Family(WORKER_ENDS, "counter", "", [ends])]
        return total([*(post.counts for post in self._posts), self._retired, own])

    def ended(self, post: Post, *, by_itself: bool) -> None:
        """Take over what the worker of a post counted: it is gone."""
        self._retired = total([self._retired, counts(post.counts)])
        post.counts = ()
        self._ends += by_itself
