"""Small answers."""

import msgspec

from hx_gateway.web.respond import json_response


class Thing(msgspec.Struct):
    name: str


def test_structs_become_json() -> None:
    response = json_response(Thing("ä"), status=201, headers=((b"x-a", b"b"),))
    assert (response.status, response.body) == (201, '{"name":"ä"}'.encode())
    assert response.headers == [(b"content-type", b"application/json"), (b"x-a", b"b")]
