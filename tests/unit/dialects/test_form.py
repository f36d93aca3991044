"""Forms are looked into and changed while they pass."""

import pytest
from tests.support.media_upstream import parse_form

from hx_gateway.core.errors import InvalidRequest
from hx_gateway.dialects.form import FormChange, FormDigest, FormRewriter, FormScanner

B = b"client"
FRESH = b"fresh-boundary"
NONE: frozenset[str] = frozenset()


def form(*fields: tuple[str, bytes]) -> bytes:
    parts = [
        b'--%b\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
        % (B, name.encode(), b'; filename="a.wav"' if name == "file" else b"", value)
        for name, value in fields
    ]
    return b"".join((*parts, b"--" + B + b"--\r\n"))


SENT = form(("model", b"public"), ("file", b"\x00\r\nsound"), ("language", b"de"), ("tags", b"x"))


def rewritten(change: FormChange, *pieces: bytes) -> list[tuple[str, bytes]]:
    rewriter = FormRewriter(B, FRESH, change)
    data = b"".join([*map(rewriter.feed, pieces), rewriter.end()])
    assert B not in data
    fields = parse_form(f"multipart/form-data; boundary={FRESH.decode()}", data)
    return [(field.name, field.value) for field in fields]


CHANGE = FormChange(
    first={"model": b"upstream"},
    defaults={"language": b"en", "prompt": b"hm"},
    dropped=frozenset({"tags"}),
    required=(("file",),),
)
GOT = [
    ("model", b"upstream"),
    ("file", b"\x00\r\nsound"),
    ("language", b"de"),
    ("prompt", b"hm"),
]


def test_a_form_is_changed_the_same_cut_at_every_byte() -> None:
    assert rewritten(CHANGE, SENT) == GOT
    for cut in range(1, len(SENT)):
        assert rewritten(CHANGE, SENT[:cut], SENT[cut:]) == GOT
    assert rewritten(CHANGE, *(bytes([byte]) for byte in SENT)) == GOT


def test_the_clients_model_never_goes_on_wherever_it_stands() -> None:
    sent = form(("file", b"x"), ("model", b"public"), ("model", b"other"))
    assert rewritten(CHANGE, sent)[:2] == [("model", b"upstream"), ("file", b"x")]


def test_what_was_left_out_is_told() -> None:
    rewriter = FormRewriter(B, FRESH, CHANGE)
    rewriter.feed(SENT)
    assert rewriter.left_out == ["tags"]


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (form(("model", b"m")), "'file' is required."),
        (form(("model", b"m"), ("file", b"")), "'file' is empty."),
    ],
)
def test_a_form_without_its_file_is_refused(sent: bytes, text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        rewritten(CHANGE, sent)
    assert (caught.value.message, caught.value.param) == (text, "file")


def test_one_of_several_names_is_enough() -> None:
    change = FormChange(required=(("image", "image[]"),))
    assert rewritten(change, form(("image[]", b"x"))) == [("image[]", b"x")]


def test_a_cut_form_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        rewritten(CHANGE, SENT[:-6])


def scanned(*pieces: bytes, refused: frozenset[str] = NONE) -> dict[str, str]:
    scanner = FormScanner(B, frozenset({"model", "stream"}), refused)
    for piece in pieces:
        scanner.feed(piece)
    scanner.end()
    return scanner.values


def test_the_model_is_found_however_the_form_is_cut() -> None:
    sent = form(("file", b"x" * 99), ("model", b"mod\xc3\xa8l"), ("stream", b"true"))
    for cut in range(1, len(sent)):
        assert scanned(sent[:cut], sent[cut:]) == {"model": "modèl", "stream": "true"}


def test_the_model_is_known_as_soon_as_its_part_is_over() -> None:
    scanner = FormScanner(B, frozenset({"model"}), NONE)
    head, _, rest = form(("model", b"m"), ("file", b"x")).partition(b"\r\n--client\r\nContent")[0:3]
    scanner.feed(head)
    assert scanner.values == {}  # more of it may come
    scanner.feed(b"\r\n--client\r\nContent" + rest[:60])
    assert scanner.values == {"model": "m"}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ([("model", b"a"), ("model", b"b")], None),
        ([("model", b"a" * 2000)], None),
        ([("model", b"\xff")], None),
        ([("api_base", b"http://evil.test")], "parameter_not_allowed"),
    ],
)
def test_a_field_that_cannot_be_taken_is_refused(
    fields: list[tuple[str, bytes]], code: str | None
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        scanned(form(*fields), refused=frozenset({"api_base"}))
    assert caught.value.error_code == code


def digest(sent: bytes, boundary: bytes = B) -> str:
    made = FormDigest(frozenset({"model"}))
    scanner = FormScanner(boundary, frozenset(), NONE, made)
    for start in range(0, len(sent), 5):
        scanner.feed(sent[start : start + 5])
    scanner.end()
    return made.name()


def test_forms_of_the_same_parts_have_one_digest() -> None:
    sent = form(("model", b"m"), ("file", b"sound"), ("language", b"en"))
    assert digest(sent) == digest(sent.replace(B, b"another"), b"another")
    assert digest(sent) == digest(form(("file", b"sound"), ("language", b"en"), ("model", b"x")))


@pytest.mark.parametrize(
    "sent",
    [
        form(("file", b"sounds"), ("language", b"en")),
        form(("file", b"sound"), ("language", b"fr")),
        form(("file", b"sound"), ("languages", b"en")),
        form(("file", b"sound")),
        form(("file", b"sound"), ("language", b"")),
        form(("file", b""), ("language", b"sounden")),
        form(("file", b"sound"), ("language", b"en")).replace(b".wav", b".mp3"),
        form(("file", b"sound"), ("language", b"en"), ("prompt", b"")),
    ],
)
def test_a_form_of_other_parts_has_another_digest(sent: bytes) -> None:
    assert digest(sent) != digest(form(("file", b"sound"), ("language", b"en")))


def test_a_refused_field_behind_the_file_ends_the_call_too() -> None:
    change = FormChange(refused=frozenset({"api_base"}))
    with pytest.raises(InvalidRequest) as caught:
        rewritten(change, form(("file", b"x"), ("api_base", b"http://evil.test")))
    assert caught.value.error_code == "parameter_not_allowed"
