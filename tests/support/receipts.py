"""Receipts as tests need them."""

import msgspec

from hx_gateway.core.call import Operation
from hx_gateway.core.receipt import Attempt, Ending, Parties, Receipt
from hx_gateway.core.usage import Usage


def attempt(deployment: str = "d1", fault: str | None = None) -> Attempt:
    """Make an attempt at a deployment of provider `acme`."""
    return Attempt(
        deployment_id=deployment,
        provider="acme",
        model=f"model-of-{deployment}",
        started_at=0.0,
        seconds=0.1,
        fault=fault,
    )


def receipt(**fields: object) -> Receipt:
    """Make the receipt of a call that went well; `fields` change it or its parties."""
    of_parties = {name: fields.pop(name) for name in Parties.__struct_fields__ if name in fields}
    parties = Parties(
        operation=Operation.CHAT,
        key_id="k" * 64,
        alias="alias",
        model="gpt",
        deployment_id="d1",
        provider="acme",
        upstream_model="model-of-d1",
    )
    made = Receipt(
        call_id="c1",
        parties=msgspec.structs.replace(parties, **of_parties),
        ending=Ending.COMPLETE,
        status=200,
        started_at=1_760_000_000.25,
        seconds=0.3,
        upstream_seconds=0.29,
        first_byte_seconds=0.1,
        usage=Usage(input=5, output=7, cached_read=2, reasoning=3),
        cost=2_500,
        attempts=(attempt(),),
    )
    return msgspec.structs.replace(made, **fields)
