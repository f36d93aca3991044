"""All or none."""

import pytest

from hx_gateway.app.agreement import Outcome, agree


class Party:
    def __init__(self, *, can: bool = True, does: bool = True) -> None:
        self.can, self.does = can, does
        self.did: list[str] = []

    async def prepare(self) -> bool:
        self.did.append("prepare")
        return self.can

    async def commit(self) -> bool:
        self.did.append("commit")
        return self.does


@pytest.mark.parametrize("who", [0, 1, 2])
async def test_one_that_cannot_keeps_all_back(who: int) -> None:
    parties = [Party(can=n != who) for n in range(3)]
    assert await agree(parties) is Outcome.REFUSED
    assert [party.did for party in parties] == [["prepare"]] * 3


async def test_nobody_does_it_before_all_have_said_that_they_can() -> None:
    order: list[str] = []

    class Noting(Party):
        async def prepare(self) -> bool:
            order.append("prepare")
            return True

        async def commit(self) -> bool:
            order.append("commit")
            return True

    assert await agree([Noting(), Noting()]) is Outcome.TAKEN_UP
    assert order == ["prepare", "prepare", "commit", "commit"]


async def test_one_that_fails_after_all_is_told_of() -> None:
    assert await agree([Party(), Party(does=False)]) is Outcome.SPLIT
