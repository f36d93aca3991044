"""What a caller may decide about its own call."""

from typing import Any

import pytest
from tests.support.calls import call

from hx_gateway.core.call import Detour, Wishes
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.pipeline.controls import take_controls
from hx_gateway.pipeline.wishes import FIELDS, read_wishes


def wishes(body: dict[str, object], **headers: str) -> Wishes | None:
    fields = dict(call({"model": "m", **body}).fields)
    taken = take_controls(fields)
    assert set(fields) == {"model"}, "none of them goes on to an upstream"
    sent = {f"x-litellm-{k.replace('_', '-')}".encode(): v.encode() for k, v in headers.items()}
    return read_wishes(taken, sent, "m")


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        ({}, {}, None),
        ({"fallbacks": []}, {}, None),
        ({"num_retries": 1}, {}, Wishes(retries=1)),
        ({"num_retries": 1}, {"num_retries": "0"}, Wishes(retries=0)),
        ({"timeout": 1.5, "stream_timeout": 3}, {}, Wishes(timeout_s=1.5, stream_timeout_s=3.0)),
        (
            {"timeout": 9},
            {"timeout": "2", "stream_timeout": "0.5"},
            Wishes(timeout_s=2.0, stream_timeout_s=0.5),
        ),
        ({"disable_fallbacks": True}, {}, Wishes(use_fallbacks=False)),
        ({"allowed_model_region": "eu"}, {}, Wishes(region="eu")),
        ({"priority": 9}, {}, Wishes(priority=9)),
        ({"priority": 9}, {"priority": "0"}, Wishes(priority=0)),
        (
            {"fallbacks": ["a", {"m": ["b", "c"]}, {"other": ["d"]}, {"*": ["e"]}]},
            {},
            Wishes(fallbacks=tuple(Detour(model=name) for name in "abce")),
        ),
        (
            {"context_window_fallbacks": [{"m": ["big"]}], "content_policy_fallbacks": ["mild"]},
            {},
            Wishes(
                context_window_fallbacks=(Detour(model="big"),),
                content_policy_fallbacks=(Detour(model="mild"),),
            ),
        ),
    ],
)
def test_wishes_are_read(
    body: dict[str, object], headers: dict[str, str], expected: Wishes | None
) -> None:
    assert wishes(body, **headers) == expected


def test_a_fallback_may_bring_its_own_messages() -> None:
    found = wishes({"fallbacks": [{"model": "b", "messages": [{"role": "user"}]}]})
    assert found is not None
    detour = found.fallbacks[0]
    assert (detour.model, bytes(detour.fields["messages"])) == ("b", b'[{"role":"user"}]')


def test_a_fallback_may_not_say_where_to_connect() -> None:
    """The caller never chooses that, by no door."""
    with pytest.raises(InvalidRequest) as caught:
        wishes({"fallbacks": [{"model": "b", "api_base": "http://169.254.169.254"}]})
    assert caught.value.param == "api_base"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"num_retries": -1}, {}),
        ({"num_retries": "many"}, {}),
        ({"num_retries": 10_000}, {}),
        ({"timeout": 0}, {}),
        ({"timeout": 1e9}, {}),
        ({"fallbacks": "b"}, {}),
        ({"fallbacks": [{"model": None}]}, {}),
        ({"fallbacks": [{"m": "b"}]}, {}),
        ({"fallbacks": [3]}, {}),
        ({}, {"timeout": "soon"}),
        ({}, {"timeout": ""}),
        ({}, {"timeout": '1,"disable_fallbacks":true'}),
        ({}, {"num_retries": "1.5"}),
        ({"priority": -1}, {}),
        ({"priority": "high"}, {}),
        ({}, {"priority": "1.5"}),
    ],
)
def test_what_cannot_be_meant_is_refused(body: dict[str, Any], headers: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        wishes(body, **headers)


def test_every_field_is_taken_out_of_the_body() -> None:
    fields = dict(call(dict.fromkeys(FIELDS)).fields)
    take_controls(fields)
    assert fields == {}
