"""Small answers."""

import msgspec

from hx_gateway.web.respond import json_response, text_response


class Thing(msgspec.Struct):
    name: str


def test_structs_become_json() -> None:
    response = json_response(Thing("ä"), status=201, headers=((b"x-a", b"b"),))
    assert (response.status, response.body) == (201, '{"name":"ä"}'.encode())
    assert response.headers == [(b"content-type", b"application/json"), (b"x-a", b"b")]


def test_text_says_its_encoding() -> None:
    response = text_response("ä", media_type="text/html")
    assert response.headers == [(b"content-type", b"text/html; charset=utf-8")]
    assert response.body == "ä".encode()
