"""Deployments and routes for tests, with only what matters to the test."""

from typing import Any

from hx_gateway.core.http import Header, Origin
from hx_gateway.core.provider import Provider
from hx_gateway.core.route import Deployment, Route
from hx_gateway.core.secret import Secret


class NoCredential:
    """An upstream that wants no credential."""

    def headers(self, credential: Secret | None) -> tuple[Header, ...]:
        return ()


PROVIDER = Provider(name="acme", base_url="http://acme.test/v1", auth=NoCredential(), speaks={})


def deployment(name: str, **fields: Any) -> Deployment:
    fields.setdefault("provider", PROVIDER)
    fields.setdefault("model", f"model-{name}")
    fields.setdefault("origin", Origin(host="acme.test"))
    return Deployment(id=name, **fields)


def route(name: str, *deployments: Deployment, **fields: Any) -> Route:
    return Route(name=name, deployments=deployments, **fields)
