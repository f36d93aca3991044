"""What deployments may cost in a period: LiteLLM's budgets of providers, deployments and tags."""

import msgspec

PROVIDER, DEPLOYMENT, TAG = "provider", "deployment", "tag"


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What may be spent on all calls of one `kind` with one `name`, in nano-dollars a `period`.

    `kind` is one of those above; `name` that of a provider, the id of a deployment, or a tag.
    `period` is a duration such as `1d`: it begins with the first call that costs something.
    """

    kind: str
    name: str
    limit: int
    period: str
