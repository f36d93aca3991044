"""Fields of a body that speak to the gateway."""

import pytest

from hx_gateway.core import wire
from hx_gateway.core.call import Contract
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.pipeline.controls import REFUSED, TAKEN, read_contract, take_controls


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_request_may_not_choose_where_we_connect_or_what_it_costs(name: str) -> None:
    fields = wire.decode_fields(wire.encode({"model": "m", name: "x"}))
    with pytest.raises(InvalidRequest) as caught:
        take_controls(fields)
    assert caught.value.param == name


@pytest.mark.parametrize("name", sorted(TAKEN))
def test_switches_stay_here(name: str) -> None:
    fields = wire.decode_fields(wire.encode({"model": "m", name: ["x"]}))
    assert bytes(take_controls(fields)[name]) == b'["x"]'
    assert set(fields) == {"model"}


def test_everything_else_is_left_alone() -> None:
    fields = wire.decode_fields(b'{"model":"m","metadata":{"a":1},"vendor_thing":2}')
    assert take_controls(fields) == {}
    assert set(fields) == {"model", "metadata", "vendor_thing"}


def test_the_callers_terms_are_read() -> None:
    fields = wire.decode_fields(
        b'{"drop_params":true,"allowed_openai_params":["a"],"additional_drop_params":["b"],"x":1}'
    )
    controls = take_controls(fields)
    assert set(fields) == {"x"}
    assert read_contract(controls) == Contract(rule="drop", allowed=("a",), dropped=("b",))
    assert read_contract(take_controls(wire.decode_fields(b'{"drop_params":false}'))) == Contract()
    assert read_contract(take_controls(wire.decode_fields(b'{"tags":["a"]}'))) is None


@pytest.mark.parametrize(
    "body",
    [b'{"drop_params":"yes"}', b'{"allowed_openai_params":"a"}', b'{"additional_drop_params":[1]}'],
)
def test_terms_that_cannot_be_read_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read_contract(take_controls(wire.decode_fields(body)))


def test_what_clients_put_aside_is_unpacked_and_held_to_the_same_rules() -> None:
    body = b'{"model":"m","top_k":1,"extra_body":{"top_k":2,"tags":["a"],"model":"n"}}'
    fields = wire.decode_fields(body)
    assert set(take_controls(fields)) == {"tags"}
    assert {name: bytes(value) for name, value in fields.items()} == {
        "model": b'"m"',
        "top_k": b"2",
    }
    for bad in (b'{"extra_body":{"api_base":"http://h"}}', b'{"extra_body":[1]}'):
        with pytest.raises(InvalidRequest):
            take_controls(wire.decode_fields(bad))
    empty = wire.decode_fields(b'{"extra_body":null}')
    assert (take_controls(empty), empty) == ({}, {})
