import pytest

from hx_gateway.core import wire
from hx_gateway.core.chat import Document
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.dialects.documents import (
    chat_document,
    messages_document,
    plain_text,
    responses_document,
)

PDF = "data:application/pdf;base64,JVBERi0="
CHAT = {"type": "file", "file": {"file_data": PDF, "filename": "a.pdf"}}
RESPONSES = {"type": "input_file", "file_data": PDF, "filename": "a.pdf"}
MESSAGES = {
    "type": "document",
    "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
    "title": "a.pdf",
}
WRITERS = [(chat_document, CHAT), (responses_document, RESPONSES), (messages_document, MESSAGES)]


def document(form: dict[str, object]) -> Document:
    return Document(kind=str(form["type"]), raw=wire.raw(form))


@pytest.mark.parametrize("form", [CHAT, RESPONSES, MESSAGES], ids=lambda form: form["type"])
def test_a_file_reads_the_same_in_every_format(form: dict[str, object]) -> None:
    for write, expected in WRITERS:
        assert wire.decode_any(wire.encode(write(document(form)))) == expected


@pytest.mark.parametrize(
    ("form", "source"),
    [
        (
            {"type": "input_file", "file_url": "https://a.test/a.pdf"},
            {"type": "url", "url": "https://a.test/a.pdf"},
        ),
        ({"type": "file", "file": {"file_id": "f"}}, {"type": "file", "file_id": "f"}),
        (
            {"type": "file", "file": {"file_data": "data:text/plain,hi"}},
            {"type": "text", "media_type": "text/plain", "data": "hi"},
        ),
    ],
)
def test_files_elsewhere_and_plain_texts_have_their_sources(
    form: dict[str, object], source: dict[str, object]
) -> None:
    assert messages_document(document(form)) == {"type": "document", "source": source}


def test_a_plain_text_document_becomes_a_file() -> None:
    form: dict[str, object] = {"type": "document", "source": {"type": "text", "data": "hi"}}
    expected = {"type": "file", "file": {"file_data": "data:text/plain,hi"}}
    assert chat_document(document(form)) == expected


def test_a_sound_stays_itself_or_is_refused() -> None:
    sound = document({"type": "input_audio", "input_audio": {"data": "Q", "format": "wav"}})
    assert chat_document(sound) == responses_document(sound) == sound.raw
    with pytest.raises(InvalidRequest, match="input_audio"):
        messages_document(sound)


def test_what_no_other_format_has_is_refused_there() -> None:
    result = document({"type": "search_result"})
    assert messages_document(result) == result.raw
    for write in (chat_document, responses_document):
        with pytest.raises(InvalidRequest, match="search_result"):
            write(result)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ({"type": "document", "source": {"type": "text", "data": "hi"}}, "hi"),
        ({"type": "document", "source": {"type": "base64", "data": "Q"}}, None),
        ({"type": "document", "source": "x"}, None),
        ({"type": "tool_reference", "tool_name": "WebSearch"}, "Tool found: WebSearch"),
        ({"type": "tool_reference"}, None),
        (
            {
                "type": "search_result",
                "source": "https://a.test/x",
                "title": "X",
                "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}],
            },
            "X\nhttps://a.test/x\none\ntwo",
        ),
        ({"type": "container_upload", "file_id": "f"}, None),
    ],
)
def test_what_is_nothing_but_text_is_said_as_text(
    form: dict[str, object], text: str | None
) -> None:
    """Symptom: Claude Code's search for tools ended in 400s on models of other vendors."""
    assert plain_text(document(form)) == text
