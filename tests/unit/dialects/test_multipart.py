"""A form is read the same however it is cut, and nothing in it can be read in two ways."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hx_gateway.core.errors import InvalidRequest
from hx_gateway.dialects.multipart import (
    MAX_HEAD,
    MAX_PARTS,
    FormDecoder,
    Part,
    boundary_of,
    write_end,
    write_part,
)

B = b"X-BOUND"


def part(name: str, value: bytes, more: str = "") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode()
    return b"--" + B + b"\r\n" + head + value + b"\r\n"


END = b"--" + B + b"--\r\n"
FORM = (
    part("model", b"whisper")
    + part("file", b"RIFF\r\n--X-BOUN\r\r\n--X-B\r\n\r\n\x00\xff", '; filename="a b.wav"')
    + part("empty", b"")
    + END
)


def read(*pieces: bytes, boundary: bytes = B) -> list[tuple[str, bytes]]:
    decoder = FormDecoder(boundary)
    found: list[tuple[str, bytes]] = []
    for piece in pieces:
        for item in decoder.feed(piece):
            if isinstance(item, Part):
                found.append((item.name, b""))
            else:
                found[-1] = (found[-1][0], found[-1][1] + item)
    decoder.end()
    return found


WHOLE = [
    ("model", b"whisper"),
    ("file", b"RIFF\r\n--X-BOUN\r\r\n--X-B\r\n\r\n\x00\xff"),
    ("empty", b""),
]


def test_a_form_cut_at_every_byte_reads_the_same() -> None:
    assert read(FORM) == WHOLE
    for cut in range(1, len(FORM)):
        assert read(FORM[:cut], FORM[cut:]) == WHOLE
    assert read(*(bytes([byte]) for byte in FORM)) == WHOLE


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(
        st.lists(st.sampled_from([b"\r", b"\n", b"-", B, b"--", b"x", b"\r\n-"]), max_size=12).map(
            b"".join
        ),
        min_size=1,
        max_size=4,
    ),
    cuts=st.lists(st.integers(min_value=0, max_value=1 << 12), max_size=6),
)
def test_what_looks_like_a_boundary_and_is_none_is_data(
    values: list[bytes], cuts: list[int]
) -> None:
    values = [value for value in values if b"\r\n--" + B not in b"\r\n" + value] or [b""]
    data = b"".join(part(f"f{n}", value) for n, value in enumerate(values)) + END
    places = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    pieces = [data[start:end] for start, end in pairwise(places)]
    assert [value for _, value in read(*pieces)] == values


def test_little_is_held_back_while_a_file_passes() -> None:
    """Symptom elsewhere: the file is gathered, and memory grows by its size."""
    decoder = FormDecoder(B)
    decoder.feed(b"--" + B + b'\r\nContent-Disposition: form-data; name="file"\r\n\r\n')
    for _ in range(50):
        given = sum(len(piece) for piece in decoder.feed(b"y" * 65536) if isinstance(piece, bytes))
        assert given >= 65536 - len(B) - 4


def headed(*lines: str) -> bytes:
    return b"--" + B + b"\r\n" + "\r\n".join(lines).encode() + b"\r\n\r\nv\r\n" + END


NAMED = 'Content-Disposition: form-data; name="model"'


@pytest.mark.parametrize(
    "form",
    [
        b"",
        b"preamble\r\n" + FORM,
        FORM[: -len(END)],
        END,
        part("model", b"a") + b"--" + B + b"x",
        part("model", b"a\r\n--" + B + b"-evil"),
        part("model", b"a").replace(b"\r\n", b"\n") + END,
        headed("Content-Type: text/plain"),
        headed(NAMED, NAMED),
        headed(NAMED + '; name="other"'),
        headed(NAMED + "; name*=UTF-8''other"),
        headed('Content-Disposition: form-data; name="mod\\"el"'),
        headed('Content-Disposition: form-data; name="mod\tel"'),
        headed('Content-Disposition: form-data; name=""'),
        headed('Content-Disposition: form-data; name="model" x'),
        headed('Content-Disposition: attachment; name="model"'),
        headed(NAMED, "Content-Transfer-Encoding: base64"),
        headed(NAMED, " folded: x"),
        headed(NAMED, "no colon"),
        headed(NAMED + "\rX: y"),
        part("x", b"") * (MAX_PARTS + 1) + END,
        headed(NAMED, "X: " + "y" * MAX_HEAD),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(form: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(form)
    assert caught.value.error_code == "invalid_form"
    with pytest.raises(InvalidRequest):
        read(*(bytes([byte]) for byte in form))


def test_the_limits_themselves_are_allowed() -> None:
    assert len(read(part("x", b"") * MAX_PARTS + END)) == MAX_PARTS


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        (b"multipart/form-data; boundary=abc", b"abc"),
        (b'multipart/form-data; charset=utf-8; boundary="a b:c"', b"a b:c"),
        (b"multipart/form-data;boundary=----WebKitFormBoundary7MA4", b"----WebKitFormBoundary7MA4"),
        (b"multipart/form-data", None),
        (b"multipart/form-data; boundary=", None),
        (b'multipart/form-data; boundary=""', None),
        (b"multipart/form-data; boundary=" + b"x" * 71, None),
        (b"multipart/form-data; boundary=a; boundary=b", None),
        (b'multipart/form-data; boundary="a\\"b"', None),
        (b"multipart/form-data; boundary=a\xff", None),
    ],
)
def test_a_boundary_is_read_or_refused(content_type: bytes, boundary: bytes | None) -> None:
    if boundary is not None:
        assert boundary_of(content_type) == boundary
        return
    with pytest.raises(InvalidRequest):
        boundary_of(content_type)


@pytest.mark.parametrize(
    ("head", "filename"),
    [
        # curl 8, a browser or Node (undici), urllib3 1, aiohttp, OkHttp: as each writes a file
        ('Content-Disposition: form-data; name="file"; filename="\u00fc %22x%22.wav"', True),
        ('content-disposition: form-data; name="file"; filename="a.wav"', True),
        ("Content-Disposition: form-data; name=\"file\"; filename*=utf-8''%C3%BC.wav", True),
        (
            "Content-Type: audio/wav\r\nContent-Disposition: form-data; name=\"file\"; filename*=utf-8''x",
            True,
        ),
        ('Content-Disposition: form-data; name="file"\r\nContent-Length: 1', False),
        ("Content-Disposition: form-data; name=file", False),
        ('Content-Disposition: form-data; name="file"; filename="C:\\\\x\\".wav"', True),
    ],
)
def test_what_clients_write_is_read(head: str, *, filename: bool) -> None:
    form = b"--" + B + b"\r\n" + head.encode() + b"\r\n\r\nv\r\n" + END
    decoder = FormDecoder(B)
    found, value = decoder.feed(form)
    assert isinstance(found, Part)
    assert (found.name, bool(found.filename), value) == ("file", filename, b"v")
    again = FormDecoder(B)  # and what we make of it is read by ourselves again
    assert again.feed(write_part(found, B) + b"v\r\n" + write_end(B)) == [found, b"v"]


def test_a_files_name_cannot_end_early_for_a_laxer_reader() -> None:
    """An upstream that knows no escapes would read a second `name` here."""
    (found, *_) = FormDecoder(B).feed(
        headed('Content-Disposition: form-data; name="file"; filename="a\\"; name=\\"model"')
    )
    assert isinstance(found, Part)
    assert found.filename == b'; filename="a%22; name=%22model"'


def test_what_is_written_is_read_back() -> None:
    written = (
        write_part(Part("file", b'; filename="x.wav"', b"audio/wav"), b"new")
        + b"data\r\n"
        + write_end(b"new")
    )
    decoder = FormDecoder(b"new")
    assert decoder.feed(written) == [Part("file", b'; filename="x.wav"', b"audio/wav"), b"data"]
    decoder.end()
