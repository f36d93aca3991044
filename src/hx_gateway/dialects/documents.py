"""Files and sounds between the dialects; each is kept as its client's own JSON.

Chat Completions has `file` and `input_audio`, Responses has `input_file`, Messages has `document`.
"""

import msgspec
from msgspec import Raw

from hx_gateway.core.chat import Document
from hx_gateway.core.errors import InvalidRequest

Json = dict[str, object]


class _File(msgspec.Struct):
    """A file as both of OpenAI's formats have it; `file_data` is a `data:` URL."""

    file_data: str | None = None
    file_url: str | None = None
    file_id: str | None = None
    filename: str | None = None


class _ChatFile(msgspec.Struct):
    file: _File


class _Source(msgspec.Struct):
    type: str
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None


class _MessagesDocument(msgspec.Struct):
    source: _Source
    title: str | None = None


class _ToolReference(msgspec.Struct):
    tool_name: str


class _Text(msgspec.Struct):
    text: str


class _SearchResult(msgspec.Struct):
    source: str
    title: str
    content: list[_Text]


def plain_text(part: Document) -> str | None:
    """Give the text of a file that is nothing but text; None for any other.

    A tool that a search has found is said by its name: its definition is among the call's tools.
    """
    try:
        match part.kind:
            case "document":
                source = msgspec.json.decode(part.raw, type=_MessagesDocument).source
                return source.data if source.type == "text" else None
            case "search_result":
                found = msgspec.json.decode(part.raw, type=_SearchResult)
                return "\n".join(
                    [found.title, found.source, *(part.text for part in found.content)]
                )
            case "tool_reference":
                name = msgspec.json.decode(part.raw, type=_ToolReference).tool_name
                return f"Tool found: {name}"
            case _:
                return None
    except msgspec.ValidationError:
        return None


def chat_document(part: Document) -> Json | Raw:
    """Write a file or a sound as a content part of Chat Completions."""
    if part.kind in {"file", "input_audio"}:
        return part.raw
    return {"type": "file", "file": _shown(_file_of(part))}


def responses_document(part: Document) -> Json | Raw:
    """Write a file as a content part of Responses."""
    if part.kind in {"input_file", "input_audio"}:
        return part.raw
    return {"type": "input_file", **_shown(_file_of(part))}


def messages_document(part: Document) -> Json | Raw:
    """Write a file as a content block of Messages; raises InvalidRequest for a sound."""
    if part.kind not in {"file", "input_file", "input_audio"}:
        return part.raw
    file = _file_of(part)
    document: Json = {"type": "document", "source": _source_of(file)}
    if file.filename is not None:
        document["title"] = file.filename
    return document


def _file_of(part: Document) -> _File:
    try:
        if part.kind == "file":
            return msgspec.json.decode(part.raw, type=_ChatFile).file
        if part.kind == "input_file":
            return msgspec.json.decode(part.raw, type=_File)
        if part.kind == "document":
            return _file_of_source(msgspec.json.decode(part.raw, type=_MessagesDocument))
    except msgspec.ValidationError:
        pass
    raise InvalidRequest(
        f"This model does not take content of the type '{part.kind}'.", param="messages"
    )


def _file_of_source(document: _MessagesDocument) -> _File:
    source = document.source
    data = None
    if source.type == "base64":
        data = f"data:{source.media_type};base64,{source.data}"
    elif source.type == "text":
        data = f"data:text/plain,{source.data}"
    return _File(
        file_data=data, file_url=source.url, file_id=source.file_id, filename=document.title
    )


def _source_of(file: _File) -> Json:
    if file.file_url is not None:
        return {"type": "url", "url": file.file_url}
    if file.file_id is not None:
        return {"type": "file", "file_id": file.file_id}
    head, _, data = (file.file_data or "").partition(",")
    media_type = head.removeprefix("data:").removesuffix(";base64")
    if head.endswith(";base64"):
        return {"type": "base64", "media_type": media_type, "data": data}
    return {"type": "text", "media_type": "text/plain", "data": data}


def _shown(file: _File) -> Json:
    fields: Json = msgspec.to_builtins(file)
    return {name: value for name, value in fields.items() if value is not None}
