"""A document as it is stored."""

import pytest

from hx_gateway.core.errors import Unprocessable
from hx_gateway.core.ports import Hit
from hx_gateway.rag.documents import Document
from hx_gateway.rag.entry import check_apart, check_vector, entry, found

NOW = 1_000_000.0


def point_id(document: Document, tenant: str = "t") -> str:
    return entry(0, document, NOW).point(tenant, [1.0]).id


def test_the_same_text_is_the_same_document_in_one_namespace_only() -> None:
    one = point_id(Document(text="x"))
    assert point_id(Document(text="x", metadata={"a": 1})) == one
    assert point_id(Document(text="x", namespace="other")) != one
    assert point_id(Document(text="x"), tenant="u") != one
    assert point_id(Document(text="y")) != one


def test_any_text_may_be_an_id_and_is_kept() -> None:
    for name in ("doc-1", "ä/..", "7"):
        made = entry(0, Document(id=name, text="x"), NOW)
        assert made.point("t", [1.0]).payload["id"] == name


def test_ids_cannot_be_made_to_collide_across_namespaces() -> None:
    one = point_id(Document(id="b c", namespace="a", text="x"))
    assert point_id(Document(id="c", namespace="a b", text="x")) != one


def test_documents_of_vectors_alone_do_not_overwrite_one_another() -> None:
    """P12: the hash of an empty text was the id of both."""
    one = point_id(Document(vector=[1.0, 0.0]))
    assert point_id(Document(vector=[0.0, 1.0])) != one
    assert point_id(Document(vector=[1.0, 0.0], metadata={"page": 2})) != one
    assert point_id(Document(vector=[1.0, 0.0])) == one


@pytest.mark.parametrize(
    ("document", "expires_at"),
    [
        (Document(text="x"), None),
        (Document(text="x", expires_at=5.0), 5.0),
        (Document(text="x", metadata={"ttl_days": 2}), NOW + 2 * 86_400),
        (Document(text="x", metadata={"ttl_days": 0.5}), NOW + 43_200),
        (Document(text="x", metadata={"ttl_days": 2}, expires_at=5.0), 5.0),
    ],
)
def test_a_document_expires(document: Document, expires_at: float | None) -> None:
    assert entry(0, document, NOW).point("t", [1.0]).payload.get("expires_at") == expires_at


@pytest.mark.parametrize(
    "document",
    [
        Document(),
        Document(text=""),
        Document(text="  \n"),
        Document(text="x", metadata={"ttl_days": 0}),
        Document(text="x", metadata={"ttl_days": -1}),
        Document(text="x", metadata={"ttl_days": "2"}),
        Document(text="x", metadata={"ttl_days": True}),
        Document(text="x", metadata={"a": [{"b": 2**63}]}),
        Document(text="x", id="  "),
        Document(text="x", namespace=" \t"),
        Document(vector=[0.0, 0.0]),
        Document(vector=[1e300, 1e300]),
    ],
)
def test_what_cannot_be_stored_is_refused_by_its_place(document: Document) -> None:
    with pytest.raises(Unprocessable) as caught:
        entry(3, document, NOW)
    assert "documents[3]" in caught.value.message


def test_a_document_without_text_and_vector_is_told_of_both() -> None:
    with pytest.raises(Unprocessable) as caught:
        entry(0, Document(), NOW)
    assert "'text'" in caught.value.message
    assert "'vector'" in caught.value.message


def test_a_small_vector_has_a_direction() -> None:
    check_vector([0.0, 1e-9], "vector")


def test_points_of_other_writers_are_shown_as_far_as_they_go() -> None:
    shown = found(Hit(id="u", score=0.5, payload={"text": 7, "metadata": None}))
    assert (shown.id, shown.namespace, shown.text, shown.metadata) == ("u", "", None, {})


@pytest.mark.parametrize(
    ("one", "other", "is_fine"),
    [
        (Document(id="a", text="x"), Document(id="a", text="y"), False),
        (Document(id="a", text="x"), Document(id="a", text="x", metadata={"n": 1}), False),
        (Document(id="a", text="x"), Document(id="a", text="x"), True),
        (Document(id="a", text="x"), Document(id="a", text="y", namespace="n"), True),
        (Document(text="x"), Document(text="x", metadata={"n": 1}), True),
    ],
)
def test_two_documents_of_one_id_are_refused(one: Document, other: Document, is_fine: bool) -> None:
    """Both were reported as written, and one of them was gone."""
    entries = [entry(index, each, NOW) for index, each in enumerate((one, other))]
    if is_fine:
        check_apart(entries)
        return
    with pytest.raises(Unprocessable) as caught:
        check_apart(entries)
    assert caught.value.message == "documents[1].id is that of documents[0]."
