"""Filters in Qdrant's JSON form."""

import pytest

from hx_gateway.core.ports import Filter, Match
from hx_gateway.rag.conditions import filter_json, within_tenant


@pytest.mark.parametrize(
    ("match", "written"),
    [
        (Match(key="k", values=("a", "b")), {"key": "k", "match": {"any": ["a", "b"]}}),
        (Match(key="k", values=(1,)), {"key": "k", "match": {"any": [1]}}),
        (Match(key="k", values=(True,)), {"key": "k", "match": {"value": True}}),
        (Match(key="k"), {"key": "k", "match": {"any": []}}),
        (Match(key="k", at_most=2.0), {"key": "k", "range": {"lte": 2.0}}),
        (
            Match(key="k", at_least=1.0, at_most=2.0),
            {"key": "k", "range": {"gte": 1.0, "lte": 2.0}},
        ),
        (
            Match(key="k", values=("a", 1, False)),
            {
                "should": [
                    {"key": "k", "match": {"any": ["a"]}},
                    {"key": "k", "match": {"any": [1]}},
                    {"key": "k", "match": {"value": False}},
                ]
            },
        ),
        (Filter(), {}),
    ],
)
def test_a_condition_is_written(match: Match | Filter, written: object) -> None:
    assert filter_json(Filter(must=(match,))) == {"must": [written]}


def test_one_is_not_taken_for_true() -> None:
    assert filter_json(Filter(must=(Match(key="k", values=(1, True)),))) == {
        "must": [
            {
                "should": [
                    {"key": "k", "match": {"any": [1]}},
                    {"key": "k", "match": {"value": True}},
                ]
            }
        ]
    }


def test_the_tenant_stands_beside_the_callers_filter_not_inside() -> None:
    asked = Filter(should=(Match(key="tenant", values=("b",)),))
    assert within_tenant("a", asked) == {
        "must": [
            {"key": "tenant", "match": {"any": ["a"]}},
            {"should": [{"key": "tenant", "match": {"any": ["b"]}}]},
        ]
    }
