"""The hand-over of a body between an edge and a handler."""

import pytest

from hx_gateway.core.errors import TooLarge
from hx_gateway.transport.server.upload import HIGH_WATER, Upload


class Notes(list[str]):
    """An upload and what it told the connection."""

    def upload(self) -> Upload:
        return Upload(lambda: self.append("room"), lambda: self.append("closed"))


async def test_room_is_told_once_after_it_was_full() -> None:
    notes = Notes()
    upload = notes.upload()
    for _ in range(5):
        upload.put(b"x" * (HIGH_WATER // 4))
    assert upload.is_full
    upload.end()
    assert len([piece async for piece in upload]) == 5
    assert notes == ["room"]


async def test_error_comes_after_the_pieces_that_were_good() -> None:
    upload = Notes().upload()
    upload.put(b"good")
    upload.end(TooLarge("too large"))
    upload.put(b"late")
    pieces = aiter(upload)
    assert await anext(pieces) == b"good"
    with pytest.raises(TooLarge):
        await anext(pieces)


async def test_close_tells_the_connection_only_when_more_could_have_come() -> None:
    notes = Notes()
    early, late = notes.upload(), notes.upload()
    late.end()
    for upload in (early, early, late):
        await upload.aclose()
    assert notes == ["closed"]
