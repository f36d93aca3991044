"""A form is read ahead until its model is known, and no further than needed."""

from pathlib import Path

import pytest
from tests.support.forms import TYPE, Arriving, form_of
from tests.support.pipelines import collect

from hx_gateway.core.errors import InvalidRequest, TooLarge
from hx_gateway.web.form import IncomingForm, gather
from hx_gateway.web.spool import HELD, Spool, SpoolRoom

BIG = b"s" * (4 * HELD)
FIRST = form_of(("model", b"m"), ("file", BIG))
LAST = form_of(("file", BIG), ("model", b"m"))
SMALL = form_of(("file", b"x"), ("model", b"m"))


def cut(data: bytes, size: int = 65536) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def opened(data: bytes, folder: Path) -> tuple[IncomingForm, Arriving]:
    stream = Arriving(*cut(data))
    return IncomingForm(stream, TYPE, Spool(SpoolRoom(folder))), stream


async def test_a_small_form_is_whole_and_repeatable(tmp_path: Path) -> None:
    form, _ = opened(SMALL, tmp_path)
    assert await form.find_model(None) == "m"
    assert form.whole == SMALL
    assert await collect(form.pieces()) == await collect(form.pieces()) == SMALL
    assert form.is_repeatable


async def test_a_model_before_the_file_leaves_the_file_alone(tmp_path: Path) -> None:
    form, stream = opened(FIRST, tmp_path)
    assert await form.find_model(None) == "m"
    assert stream.taken <= HELD // 65536 + 2
    assert form.whole is None
    assert form.is_repeatable
    assert await collect(form.pieces()) == FIRST
    assert not form.is_repeatable


async def test_a_model_behind_the_file_is_found_and_all_is_kept(tmp_path: Path) -> None:
    form, _ = opened(LAST, tmp_path)
    assert await form.find_model(None) == "m"
    assert form.whole is None
    assert await collect(form.pieces()) == await collect(form.pieces()) == LAST
    assert form.is_repeatable
    await form.aclose()


@pytest.mark.parametrize(
    ("data", "size", "is_given"),
    [(SMALL, len(SMALL), True), (LAST, len(LAST), False), (FIRST, None, False)],
)
async def test_a_form_says_how_much_of_it_is_here_and_when_it_is_not_needed(
    tmp_path: Path, data: bytes, size: int | None, is_given: bool
) -> None:
    form, _ = opened(data, tmp_path)
    await form.find_model(None)
    assert (form.size, form.is_given) == (size, is_given)
    await collect(form.pieces())
    assert (form.size, form.is_given) == (size, True)
    await form.aclose()


async def test_a_model_in_the_path_needs_no_search(tmp_path: Path) -> None:
    form, stream = opened(LAST, tmp_path)
    assert await form.find_model("named") == "named"
    assert stream.taken <= HELD // 65536 + 2


async def test_a_form_without_a_model_says_so(tmp_path: Path) -> None:
    form, _ = opened(form_of(("file", b"x")), tmp_path)
    assert await form.find_model(None) is None


async def test_what_follows_the_form_is_not_kept(tmp_path: Path) -> None:
    form, _ = opened(SMALL + b"\x00" * (2 * HELD), tmp_path)
    assert await form.find_model(None) == "m"
    assert len(form.whole or b"") <= 65536


async def test_a_form_that_was_begun_stops_when_its_reader_does(tmp_path: Path) -> None:
    form, stream = opened(FIRST, tmp_path)
    await form.find_model(None)
    pieces = form.pieces()
    await pieces.aclose()
    assert not stream.closed  # nothing was let go: another may read it
    async for _ in pieces:
        if not form.is_repeatable:
            break
    await pieces.aclose()
    assert stream.closed


@pytest.mark.parametrize("data", [SMALL, FIRST, LAST])
async def test_a_form_that_is_read_to_its_end_is_known_by_it(tmp_path: Path, data: bytes) -> None:
    stream = Arriving(*cut(data))
    form = IncomingForm(stream, TYPE, Spool(SpoolRoom(tmp_path)), with_digest=True)
    assert await form.find_model(None) == "m"
    before = form.digest
    await form.read_all()
    assert (before, len(form.digest or "")) == (None, 64)
    assert form.size == len(data)
    assert await collect(form.pieces()) == await collect(form.pieces()) == data
    assert form.is_repeatable
    await form.aclose()


async def test_a_form_that_is_cut_is_refused_when_it_is_read_to_its_end(tmp_path: Path) -> None:
    stream = Arriving(*cut(FIRST[:-10]))
    form = IncomingForm(stream, TYPE, Spool(SpoolRoom(tmp_path)), with_digest=True)
    await form.find_model(None)
    with pytest.raises(InvalidRequest):
        await form.read_all()
    await form.aclose()


async def test_a_boundary_is_needed(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest):
        IncomingForm(Arriving(), b"multipart/form-data", Spool(SpoolRoom(tmp_path)))


def test_the_fresh_boundary_cannot_be_foreseen(tmp_path: Path) -> None:
    made = {opened(SMALL, tmp_path)[0].fresh_boundary for _ in range(50)}
    assert len(made) == 50
    assert all(len(boundary) >= 32 for boundary in made)


async def test_a_gathered_body_has_a_limit() -> None:
    assert await gather(Arriving(b"ab", b"c"), 3) == b"abc"
    with pytest.raises(TooLarge):
        await gather(Arriving(b"ab", b"cd"), 3)
