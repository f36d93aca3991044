"""Turn a call whose body is a form into what one deployment is sent, all but the bytes."""

from msgspec import Raw

from hx_gateway.adapter.passing import with_passed
from hx_gateway.adapter.request import Prepared, path_to, way_out_of
from hx_gateway.core import wire
from hx_gateway.core.call import Call
from hx_gateway.core.form import Form
from hx_gateway.core.http import HttpRequest
from hx_gateway.core.provider import Draft
from hx_gateway.core.route import Deployment
from hx_gateway.dialects.form import FormChange, FormRewriter


def prepare_form(
    call: Call,
    form: Form,
    deployment: Deployment,
    *,
    left_out: frozenset[str],
    refused: frozenset[str],
) -> tuple[Prepared, FormRewriter]:
    """Make the request of one attempt without its body, and what its body goes through.

    `left_out` are fields that speak to the gateway, `refused` those no caller may set.
    Quirks see the model only: what else is in a form is not known before it has passed.
    """
    provider = deployment.provider
    out = way_out_of(call, deployment)
    fields = {"model": wire.raw(deployment.model)}
    draft = Draft(path=path_to(deployment, out), fields=fields, headers=provider.headers)
    for quirk in provider.quirks:
        draft = quirk(draft)
    own = (
        (b"content-type", b"multipart/form-data; boundary=" + form.fresh_boundary),
        *provider.auth.headers(deployment.credential),
        *draft.headers,
        *deployment.headers,
    )
    headers = with_passed(own, call, deployment)
    change = FormChange(
        first={name: _text(value) for name, value in draft.fields.items()},
        defaults={name: _text(value) for name, value in deployment.defaults.items()},
        dropped=left_out | frozenset(deployment.dropped),
        refused=refused,
        required=getattr(out, "required_in_form", ()),
    )
    rewriter = FormRewriter(form.boundary, form.fresh_boundary, change)
    request = HttpRequest(path=draft.path, headers=headers)
    return Prepared(request=request, out=out, relayed=True, changed=draft.changed), rewriter


def _text(value: Raw) -> bytes:
    """Write a JSON value as forms do: a text without its quotes."""
    plain = wire.decode_any(value)
    return plain.encode() if isinstance(plain, str) else bytes(value)
