"""Rerank: what is refused, counted and translated."""

import pytest
from tests.support.calls import call, plain

from hx_gateway.core import wire
from hx_gateway.core.errors import Garbled, InvalidRequest
from hx_gateway.core.event import Ranked
from hx_gateway.core.usage import Measured, Usage
from hx_gateway.dialects.cohere_rerank import WAY_IN, WAY_OUT, RerankOut

ASK: dict[str, object] = {"query": "q", "documents": ["a", {"text": "b"}]}
OTHER = RerankOut(name="other", top="top_k", unknown=frozenset({"rank_fields"}), texts_only=True)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "query"),
        ({"query": "q"}, "documents"),
        ({"query": " ", "documents": ["a"]}, None),
        ({"query": "", "documents": ["a"]}, "query"),
        ({"query": None, "documents": ["a"]}, "query"),
        ({"query": "q", "documents": []}, "documents"),
        ({"query": "q", "documents": ["a", ""]}, "documents"),
        ({"query": "q", "documents": {"text": "a"}}, "documents"),
        ({"query": "q", "documents": None}, "documents"),
    ],
)
def test_nothing_to_rank_is_refused(fields: dict[str, object], param: str | None) -> None:
    if param is None:
        WAY_OUT.adapt(wire.decode_fields(wire.encode(fields)), "m", stream=False)
        return
    with pytest.raises(InvalidRequest) as caught:
        WAY_OUT.adapt(wire.decode_fields(wire.encode(fields)), "m", stream=False)
    assert caught.value.param == param


def test_a_translation_uses_the_other_vendors_words() -> None:
    asked = call({**ASK, "top_n": 1, "rank_fields": ["text"], "truncation": True})
    body = plain(OTHER.encode(WAY_IN.read(asked), "m", stream=False))
    assert body == {
        "model": "m",
        "query": "q",
        "documents": ["a", "b"],
        "top_k": 1,
        "truncation": True,
    }


def test_a_document_without_text_cannot_be_translated() -> None:
    asked = call({"query": "q", "documents": [{"title": "b"}]})
    with pytest.raises(InvalidRequest):
        OTHER.encode(WAY_IN.read(asked), "m", stream=False)


@pytest.mark.parametrize(
    ("more", "usage"),
    [
        ({}, None),
        ({"meta": {"billed_units": {"search_units": 2}}}, Measured(searches=2)),
        (
            {"meta": {"billed_units": {"search_units": 1.0}, "tokens": {"input_tokens": 9}}},
            Measured(input=9, searches=1),
        ),
        ({"meta": {"billed_units": {"total_tokens": 7}}}, Measured(input=7)),
        ({"usage": {"total_tokens": 5}}, Measured(input=5)),
        ({"meta": {"billed_units": {"search_units": -3}}}, None),
        ({"meta": {"tokens": {"input_tokens": 1e300}}}, Measured()),
    ],
)
def test_what_was_billed_is_found(more: dict[str, object], usage: Usage | None) -> None:
    body = wire.encode({"results": [], **more})
    assert WAY_OUT.usage(body) == usage


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"results": [{"index": 0}]}', b'{"results": 1}']
)
def test_what_is_no_ranking_is_garbled(body: bytes) -> None:
    with pytest.raises(Garbled):
        WAY_OUT.usage(body)


def test_an_answer_in_other_words_reaches_the_client_in_the_usual_ones() -> None:
    body = b'{"data": [{"index": 1, "relevance_score": 0.5, "document": "b"}], "usage": {"total_tokens": 3}}'
    events = OTHER.decode(body)
    assert [event.index for event in events if isinstance(event, Ranked)] == [1]
    assert wire.decode_any(WAY_IN.render(events, call(ASK))) == {
        "id": "call-1",
        "results": [{"index": 1, "relevance_score": 0.5, "document": {"text": "b"}}],
        "meta": {
            "billed_units": {"total_tokens": 3},
            "tokens": {"input_tokens": 3, "output_tokens": 0},
        },
    }
