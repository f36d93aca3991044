"""Write a filter in Qdrant's JSON form, which the server and the embedded engine both get."""

from hx_gateway.core.ports import Filter, Match

Json = dict[str, object]


def within_tenant(tenant: str, where: Filter) -> Json:
    """Narrow a filter to one tenant: the one way filters reach an engine."""
    own = Match(key="tenant", values=(tenant,))
    return filter_json(Filter(must=(own, where)))


def filter_json(where: Filter) -> Json:
    """Convert a filter; an empty one matches everything.

    https://api.qdrant.tech/api-reference/search/query-points (Filter)
    """
    clauses = {"must": where.must, "should": where.should, "must_not": where.must_not}
    return {
        name: [_condition(each) for each in conditions]
        for name, conditions in clauses.items()
        if conditions
    }


def _condition(condition: Match | Filter) -> Json:
    if isinstance(condition, Filter):
        return filter_json(condition)
    if condition.at_least is not None or condition.at_most is not None:
        bounds = {"gte": condition.at_least, "lte": condition.at_most}
        given = {name: bound for name, bound in bounds.items() if bound is not None}
        return {"key": condition.key, "range": given}
    return _any_of(condition.key, condition.values)


def _any_of(key: str, values: tuple[str | int, ...]) -> Json:
    """Match any value. Qdrant's `any` takes one kind only, and no booleans (they are `value`)."""
    flags = [value for value in values if isinstance(value, bool)]
    texts = [value for value in values if isinstance(value, str)]
    numbers = [value for value in values if not isinstance(value, bool | str)]
    matches: list[Json] = [{"any": kind} for kind in (texts, numbers) if kind]
    matches += [{"value": flag} for flag in flags]
    choices: list[Json] = [{"key": key, "match": match} for match in matches]
    if not choices:  # any of nothing: no point matches
        return {"key": key, "match": {"any": []}}
    return choices[0] if len(choices) == 1 else {"should": choices}
