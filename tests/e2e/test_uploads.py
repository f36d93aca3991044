"""Forms with files, large and small, well and badly made, against the real program."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.support.media_upstream import MediaUpstream, sent_fields
from tests.support.served import Gateway, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1024 * 1024


def multipart(*fields: tuple[str, bytes], boundary: bytes = b"bb") -> bytes:
    parts = [
        b'--%b\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
        % (boundary, name.encode(), b'; filename="f"' if name == "file" else b"", value)
        for name, value in fields
    ]
    return b"".join((*parts, b"--" + boundary + b"--\r\n"))


FORM = {"content-type": "multipart/form-data; boundary=bb"}


@pytest.mark.parametrize("size", [10, 3 * MIB])
async def test_the_model_may_stand_behind_the_file(
    http: httpx.AsyncClient, media: MediaUpstream, size: int
) -> None:
    """As curl and the Node SDK send it."""
    sound = os.urandom(size)
    body = multipart(("file", sound), ("model", b"two"), ("language", b"de"))
    answer = await http.post("/v1/audio/transcriptions", content=body, headers=FORM)
    assert answer.status_code == 200, answer.text
    assert sent_fields(media) == {"model": b"up-two", "file": sound, "language": b"de"}


@pytest.mark.parametrize(
    ("order", "size", "answers"),
    [
        ("model first", 10, True),  # held in memory
        ("model last", 3 * MIB, True),  # held on disk
        ("model first", 3 * MIB, False),  # passed on and let go: cannot be sent twice
    ],
)
async def test_only_what_is_still_here_is_sent_to_another(
    http: httpx.AsyncClient,
    media: MediaUpstream,
    spare: MediaUpstream,
    order: str,
    size: int,
    answers: bool,
) -> None:
    media.fail_with = 500
    sound = os.urandom(size)
    fields = [("model", b"two"), ("file", sound)]
    if order == "model last":
        fields.reverse()
    body = multipart(*fields)
    answer = await http.post("/v1/audio/transcriptions", content=body, headers=FORM)
    if answers:
        assert answer.status_code == 200, answer.text
        assert sent_fields(spare) == {"model": b"up-two", "file": sound}
    else:
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "upstream_overloaded"
        assert spare.asked == []


async def test_an_upstream_that_is_not_there_leaves_the_upload_for_the_next(
    http: httpx.AsyncClient, media: MediaUpstream, spare: MediaUpstream
) -> None:
    await media.stop()
    try:
        sound = os.urandom(3 * MIB)
        body = multipart(("model", b"two"), ("file", sound))
        answer = await http.post("/v1/audio/transcriptions", content=body, headers=FORM)
    finally:
        await media.start()
    assert answer.status_code == 200, answer.text
    assert sent_fields(spare)["file"] == sound


@pytest.mark.parametrize(
    ("body", "headers", "status", "param"),
    [
        (b"", FORM, 400, None),
        (multipart(("model", b"any")), FORM, 400, "file"),
        (multipart(("model", b"any"), ("file", b"")), FORM, 400, "file"),
        (multipart(("model", b"nowhere"), ("file", b"x")), FORM, 404, "model"),
        (multipart(("model", b"chatty"), ("file", b"x")), FORM, 400, "model"),
        (multipart(("api_base", b"http://x"), ("file", b"x")), FORM, 400, "api_base"),
        (multipart(("model", b"any"), ("file", b"x"))[:-5], FORM, 400, None),
        (b'{"model": "any"}', {"content-type": "application/json"}, 415, None),
        (b"x", {}, 415, None),
        (b"x", {"content-type": "multipart/form-data"}, 400, None),
    ],
)
async def test_a_bad_form_is_refused(
    http: httpx.AsyncClient,
    media: MediaUpstream,
    body: bytes,
    headers: dict[str, str],
    status: int,
    param: str | None,
) -> None:
    answer = await http.post("/v1/audio/transcriptions", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["param"] == param
    assert media.asked == []


async def test_too_large_a_form_is_refused_while_it_arrives(
    http: httpx.AsyncClient, media: MediaUpstream
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield multipart(("model", b"any"), ("file", b""))[:-10]
        for _ in range(51):
            yield b"x" * MIB

    answer = await http.post("/v1/audio/transcriptions", content=endless(), headers=FORM)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "request_too_large"


async def test_a_client_that_leaves_in_the_middle_ends_it_at_the_upstream(
    media_gateway: Gateway, media: MediaUpstream
) -> None:
    """And leaves its receipt: nothing of it stays behind."""
    _, writer = await asyncio.open_connection("127.0.0.1", media_gateway.port)
    head = (
        "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: x\r\ncontent-length: 40000000\r\n"
        f"authorization: Bearer {media_gateway.key}\r\nx-request-id: left-midway\r\n"
        "content-type: multipart/form-data; boundary=bb\r\n\r\n"
    )
    writer.write(head.encode() + multipart(("model", b"any"), ("file", b"x" * 4 * MIB))[:-10])
    try:
        await until(lambda: media.arriving == 1, 60, "it is passed on")
    finally:
        writer.close()
    await until(lambda: media.arriving == 0, 60, "the upstream's connection is closed")
    await until(lambda: "left-midway" in media_gateway.logs(), 60, "its receipt")
    line = next(line for line in media_gateway.logs().splitlines() if "left-midway" in line)
    assert '"ending":"abandoned"' in line


@pytest.mark.parametrize(
    ("model", "size", "is_exact"),
    [("lasting", 10, True), ("lasting", 3 * MIB, True), ("any", 10, False)],
)
async def test_who_leaves_after_the_upload_is_settled_by_the_upstreams_own_count(
    media_gateway: Gateway, media: MediaUpstream, model: str, size: int, is_exact: bool
) -> None:
    media.pace_s = 0.4  # the end is far enough for its leaving to be noticed before
    body = multipart(("file", os.urandom(size)), ("model", model.encode()), ("stream", b"true"))
    name = f"left-{model}-{size}"
    head = (
        f"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
        f"authorization: Bearer {media_gateway.key}\r\nx-request-id: {name}\r\n"
        "content-type: multipart/form-data; boundary=bb\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", media_gateway.port)
    try:
        writer.write(head.encode() + body)
        async with asyncio.timeout(60):
            await reader.readuntil(b"transcript.text.delta")
    finally:
        writer.close()
    await until(lambda: name in media_gateway.logs(), 60, "its receipt")
    line = next(line for line in media_gateway.logs().splitlines() if name in line)
    assert '"ending":"abandoned"' in line
    assert ('"output_tokens":11' in line) is is_exact


def resident_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))


@pytest.mark.parametrize("order", ["model first", "model last"])
async def test_memory_does_not_grow_by_the_file(
    media_gateway: Gateway, http: httpx.AsyncClient, media: MediaUpstream, order: str
) -> None:
    """Symptom elsewhere: each upload is held whole, several times over."""
    size = 24 * MIB
    fields = [("model", b"any"), ("file", b"\x00" * size)]
    if order == "model last":
        fields.reverse()
    body = multipart(*fields)
    await http.post("/v1/audio/transcriptions", content=multipart(*fields[:1]), headers=FORM)
    before = peak = resident_kib(media_gateway.pid)

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, resident_kib(media_gateway.pid))
            await asyncio.sleep(0.005)

    watching = asyncio.ensure_future(watch())
    answer = await http.post("/v1/audio/transcriptions", content=body, headers=FORM)
    watching.cancel()
    assert answer.status_code == 200, answer.text
    assert len(sent_fields(media)["file"]) == size
    assert peak - before < 12 * 1024, f"grew by {peak - before} KiB"
