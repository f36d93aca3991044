"""No secret gets through the last net, in any form it is likely to take."""

import base64
from urllib.parse import quote

import msgspec
import pytest

from hx_gateway.core.secret import Secret
from hx_gateway.usage.redact import Redactor

CANARY = "canary-p!w$#%&'\"\\:/ü value"
FORMS = [
    CANARY.encode(),
    msgspec.json.encode(CANARY)[1:-1],
    quote(CANARY, safe="").encode(),
    base64.b64encode(CANARY.encode()).rstrip(b"="),
    base64.urlsafe_b64encode(CANARY.encode()).rstrip(b"="),
]


@pytest.mark.parametrize("form", FORMS)
def test_a_known_secret_is_struck_out(form: bytes) -> None:
    line = b'{"message":"' + form + b'","other":"stays"}'
    cleaned = Redactor([Secret(CANARY)]).clean(line)
    assert form not in cleaned
    assert b"stays" in cleaned
    assert Redactor().clean(line) == line, "control: it is the knowledge that strikes out"


def test_what_looks_like_a_key_is_struck_out_without_being_known() -> None:
    line = b"key sk-0123456789abcdefghij failed, task-force-of-twenty-people stays"
    cleaned = Redactor().clean(line)
    assert b"2345678" not in cleaned
    assert b"sk-01***" in cleaned


def test_secrets_are_learnt_at_a_reload_and_old_ones_kept() -> None:
    redactor = Redactor([Secret("first-secret")])
    redactor.know([Secret("second-secret")])
    assert redactor.clean(b"first-secret second-secret") == b"*** ***"


def test_short_values_do_not_strike_out_words() -> None:
    assert Redactor([Secret("info"), Secret("")]).clean(b'{"level":"info"}') == b'{"level":"info"}'


def test_the_password_of_a_url_is_struck_out_alone_too() -> None:
    redactor = Redactor([Secret("postgresql://user:canary%21pass@host:5432/name")])
    assert redactor.clean(b"user canary%21pass canary!pass host") == b"user *** *** host"
