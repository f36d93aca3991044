import asyncio

from hx_gateway.cache.pace import SLICE, Pace


async def test_a_pause_comes_after_each_slice_and_not_before() -> None:
    pauses = 0

    async def pause() -> None:
        nonlocal pauses
        pauses += 1

    pace = Pace(pause)
    seen = []
    for size in (SLICE - 1, 1, SLICE, 1, SLICE // 2, SLICE // 2):
        await pace.did(size)
        seen.append(pauses)
    assert seen == [0, 1, 2, 2, 2, 3]


async def test_who_waits_has_a_turn_in_a_pause() -> None:
    turn = asyncio.Event()
    asyncio.get_running_loop().call_soon(turn.set)
    pace = Pace()
    await pace.did(SLICE - 1)
    assert not turn.is_set()
    await pace.did(1)
    assert turn.is_set()
