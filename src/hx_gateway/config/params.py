"""Gather the parameters of one model: its own, those beside them, a credential's, the defaults."""

from collections.abc import Mapping

from hx_gateway.config.document import Node
from hx_gateway.config.fields import FieldReader
from hx_gateway.config.report import Report

# LiteLLM takes these beside `litellm_params` too.
BESIDE = ("rpm", "tpm")


def gather(
    entry: Node,
    path: str,
    credentials: Mapping[str, Node],
    defaults: Mapping[str, Node],
    report: Report,
) -> FieldReader:
    """Read `litellm_params` of an entry, on top of everything weaker that it may take.

    A credential that is not listed leaves the entry as it is: LiteLLM keeps some in its database,
    and goes on without those that it does not find.
    """
    own = entry.get("litellm_params") or Node({}, entry.place)
    beside = {key: node for key in BESIDE if (node := entry.get(key)) is not None}
    given = {**defaults, **beside, **dict(own.members())}
    reader = FieldReader(Node(given, own.place), f"{path}.litellm_params", report)
    name = reader.text("litellm_credential_name")
    if name is None:
        return reader
    credential = credentials.get(name)
    if credential is None:
        node = reader.node.get("litellm_credential_name") or own
        text = f"no credential {name!r} in credential_list; add it, or give the model an api_key"
        report.no_effect(node.place, f"{reader.path}.litellm_credential_name", text)
        return reader
    merged = {**dict(credential.members()), **given}
    return FieldReader(Node(merged, own.place), reader.path, report)
