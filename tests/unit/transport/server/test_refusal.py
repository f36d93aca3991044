"""The edge's own error bodies."""

from hx_gateway.core import wire
from hx_gateway.transport.server.refusal import ID, refusal_response, refuse


def test_refusal_is_an_openai_error_with_a_fresh_id() -> None:
    one, two = (refusal_response(refuse(400, "malformed_request", "No.")) for _ in range(2))
    assert wire.decode_any(one.body) == {
        "error": {
            "message": "No.",
            "type": "invalid_request_error",
            "param": None,
            "code": "malformed_request",
        }
    }
    assert dict(one.headers)[ID] != dict(two.headers)[ID]
