"""A budget is a value: equal ones are one."""

from hx_gateway.core.budget import DEPLOYMENT, PROVIDER, TAG, Budget


def test_budgets_of_several_kinds_are_told_apart() -> None:
    kinds = (PROVIDER, DEPLOYMENT, TAG)
    all_ = {Budget(kind=kind, name="x", limit=1, period="1d") for kind in kinds}
    assert len(all_) == 3
    assert Budget(kind=TAG, name="x", limit=1, period="1d") in all_
