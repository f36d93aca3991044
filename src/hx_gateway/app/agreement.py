"""Have all take something up, or none: first everybody is asked whether they can."""

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol


class Party(Protocol):
    """Somebody who must agree."""

    async def prepare(self) -> bool:
        """Get ready; False: it cannot."""
        ...

    async def commit(self) -> bool:
        """Do it; False: it has failed after all."""
        ...


class Outcome(StrEnum):
    """What became of it."""

    TAKEN_UP = "taken up"
    REFUSED = "refused"  # and nobody did anything
    SPLIT = "split"  # somebody failed, or died, between the two steps


async def agree(parties: Sequence[Party]) -> Outcome:
    """Ask all; have all do it when every one of them can."""
    if not all(await asyncio.gather(*(party.prepare() for party in parties))):
        return Outcome.REFUSED
    if not all(await asyncio.gather(*(party.commit() for party in parties))):
        return Outcome.SPLIT
    return Outcome.TAKEN_UP
