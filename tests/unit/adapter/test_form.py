"""What one deployment is sent of a form."""

from typing import Any

import msgspec
import pytest
from tests.support.deployments import NoCredential, deployment
from tests.support.forms import FakeForm, form_of
from tests.support.media_upstream import parse_form

from hx_gateway.adapter.form import prepare_form
from hx_gateway.core import wire
from hx_gateway.core.call import Call, Hints, Operation
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.core.provider import Provider
from hx_gateway.dialects import openai_media

VENDOR = Provider(
    name="vendor",
    base_url=None,
    auth=NoCredential(),
    speaks=openai_media.some(Operation.TRANSCRIBE),
)
SENT = form_of(("model", b"public"), ("file", b"sound"), ("tags", b"a"), ("language", b"de"))


def call(operation: Operation = Operation.TRANSCRIBE) -> Call:
    name = openai_media.ALL[operation][0].name
    return Call(id="c", operation=operation, dialect=name, model="public", fields={})


def sent(data: bytes = SENT, **fields: Any) -> tuple[str, dict[str, bytes]]:
    target = deployment("a", provider=VENDOR, base_path="/v1", **fields)
    form = FakeForm(data)
    prepared, rewriter = prepare_form(
        call(), form, target, left_out=frozenset({"tags"}), refused=frozenset({"api_base"})
    )
    body = rewriter.feed(data) + rewriter.end()
    kind = dict(prepared.request.headers)[b"content-type"].decode()
    return prepared.request.path, {field.name: field.value for field in parse_form(kind, body)}


def test_the_model_is_replaced_and_the_rest_stays() -> None:
    assert sent() == (
        "/v1/audio/transcriptions",
        {"model": b"model-a", "file": b"sound", "language": b"de"},
    )


def test_configured_fields_fill_in_as_forms_write_them() -> None:
    defaults = {"language": wire.raw("en"), "temperature": wire.raw(0.5), "x": wire.raw(value=True)}
    _, fields = sent(defaults=defaults)
    assert fields["language"] == b"de"
    assert (fields["temperature"], fields["x"]) == (b"0.5", b"true")


def test_headers_of_the_client_go_with_a_form_where_that_is_configured() -> None:
    asked = msgspec.structs.replace(call(), hints=Hints(headers=((b"x-trace", b"1"),)))
    none = frozenset[str]()
    for passes in (True, False):
        target = deployment("a", provider=VENDOR, passes_headers=passes)
        prepared, _ = prepare_form(asked, FakeForm(SENT), target, left_out=none, refused=none)
        assert ((b"x-trace", b"1") in prepared.request.headers) is passes


def test_a_deployment_may_drop_fields() -> None:
    assert "language" not in sent(dropped=("language",))[1]


def test_what_no_caller_may_set_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        sent(form_of(("file", b"x"), ("api_base", b"http://evil.test")))


def test_a_vendor_without_the_operation_is_a_clear_refusal() -> None:
    target = deployment("a", provider=VENDOR)
    with pytest.raises(InvalidRequest) as caught:
        prepare_form(
            call(Operation.IMAGE_EDIT),
            FakeForm(SENT),
            target,
            left_out=frozenset(),
            refused=frozenset(),
        )
    assert caught.value.error_code == "unsupported_operation"
