"""Nodes, deployments on them, and a fleet's book, with only what matters to the test."""

from typing import Any

import msgspec
from tests.support.deployments import NoCredential

from hx_gateway.core.call import Operation
from hx_gateway.core.http import Origin
from hx_gateway.core.node import Installed, Resident, Shown
from hx_gateway.core.provider import Provider
from hx_gateway.core.route import Deployment, Node
from hx_gateway.core.snapshot import FleetSettings
from hx_gateway.dialects import ollama_chat, ollama_node
from hx_gateway.routing.fleet import Fleet

KIND = Provider(
    name="kind",
    base_url="http://localhost:1",
    auth=NoCredential(),
    speaks={Operation.CHAT: (ollama_chat.WAY_OUT,)},
    needs_key=False,
    node=ollama_node.WIRE,
)


def node(name: str, **fields: Any) -> Node:
    fields.setdefault("provider", KIND)
    fields.setdefault("origin", Origin(host=name))
    return Node(name=name, wire=ollama_node.WIRE, **fields)


def placed(name: str, model: str = "m", **fields: Any) -> Deployment:
    """A deployment of a model on the node of that name."""
    fields.setdefault("provider", KIND)
    id_ = fields.pop("id", f"{name}/{model}")
    return Deployment(id=id_, model=model, origin=Origin(host=name), node=name, **fields)


def fleet_of(*nodes: Node, **settings: Any) -> Fleet:
    fleet = Fleet()
    fleet.configure(nodes, FleetSettings(**settings))
    return fleet


def awake(fleet: Fleet, name: str, *resident: str, context: int | None = None) -> None:
    """Make a node answer, with these models in memory."""
    held = [Resident(name=f"{model}:latest", context=context) for model in resident]
    fleet.heard(name, held, 0.0)


def has(fleet: Fleet, name: str, *models: str, shown: Shown | None = None) -> None:
    """Put models on a node's disk."""
    installed = [Installed(name=f"{model}:latest", digest=model) for model in models]
    sight = fleet.sights[name]
    sight.has(installed)
    for model in installed if shown is not None else ():
        sight.shown[model.name, model.digest] = shown or Shown()


def parallel(one: Node, number: int) -> Node:
    return msgspec.structs.replace(one, parallel=number)
