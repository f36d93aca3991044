"""Where a call's tags may stand, and that they stay here."""

import pytest
from tests.support.calls import call, plain

from hx_gateway.core.errors import InvalidRequest
from hx_gateway.pipeline.controls import take_controls
from hx_gateway.pipeline.tags import MAX_TAGS, take_tags


def tagged(body: dict[str, object], header: str | None = None) -> tuple[tuple[str, ...], object]:
    """Give the tags, and what is left of the body."""
    fields = dict(call(body).fields)
    headers = {} if header is None else {b"x-litellm-tags": header.encode()}
    found = take_tags(fields, take_controls(fields), headers)
    return found, plain(fields)


@pytest.mark.parametrize(
    ("body", "header", "tags", "left"),
    [
        ({}, None, (), {}),
        ({}, "free, paid,,free", ("free", "paid"), {}),
        ({"tags": ["a"]}, "b", ("b", "a"), {}),
        ({"tags": []}, None, (), {}),
        ({"metadata": {"tags": ["a"]}}, None, ("a",), {}),
        ({"metadata": {"tags": ["a"], "job": "x"}}, None, ("a",), {"metadata": {"job": "x"}}),
        ({"metadata": {"job": "x"}}, None, (), {"metadata": {"job": "x"}}),
        ({"litellm_metadata": {"tags": ["a"]}}, None, ("a",), {}),
    ],
)
def test_tags_are_read_and_taken_out(
    body: dict[str, object], header: str | None, tags: tuple[str, ...], left: object
) -> None:
    assert tagged(body, header) == (tags, left)


@pytest.mark.parametrize(
    "body",
    [{"tags": "a"}, {"tags": [1]}, {"metadata": {"tags": "a"}}, {"tags": ["x"] * (MAX_TAGS + 1)}],
)
def test_what_is_no_list_of_texts_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        tagged(body)
