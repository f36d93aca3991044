"""What a verified caller may do: pure questions about a `Principal`."""

from collections.abc import Iterable

from hx_gateway.core.errors import Forbidden
from hx_gateway.core.principal import Principal, Scope

ALL_MODELS = "all-proxy-models"  # LiteLLM's word for every model
ALL_OF_TEAM = "all-team-models"  # and for whatever the team may use; nothing without a team


def check_scope(principal: Principal, scope: Scope) -> None:
    """Raise Forbidden when the caller lacks the scope."""
    if scope not in principal.scopes and not principal.has_scope(scope):
        raise Forbidden(f"This key lacks the scope '{scope.value}'.", code="missing_scope")


def check_model(
    principal: Principal,
    model: str,
    access_groups: Iterable[str] = (),
    route: str | None = None,
    status: int | None = None,
) -> None:
    """Raise Forbidden when the caller may not use a model; see `allows_model`.

    `status` is that of the error; None is 403.
    """
    if (principal.models or principal.within) and not allows_model(
        principal, model, access_groups, route
    ):
        raise Forbidden(
            f"This key may not use the model '{model[:128]}'.",
            param="model",
            code="key_model_access_denied",
            status=status,
        )


def allows_model(
    principal: Principal, model: str, access_groups: Iterable[str] = (), route: str | None = None
) -> bool:
    """Say whether the caller may use a model: its own list and those it is within all have it.

    `model` is the name that was asked for, `route` the route behind it when that is another name.
    """
    if not principal.models and not principal.within:
        return True
    names = (model, *access_groups) if route is None else (model, route, *access_groups)
    return all(_has(granted, names) for granted in (principal.models, *principal.within))


def _has(granted: tuple[str, ...], names: tuple[str, ...]) -> bool:
    """Look for one of `names` in a list of names, access groups and patterns (`openai/*`)."""
    if not granted or names[0] in granted or ALL_MODELS in granted:
        return True
    return any(matches(pattern, name) for pattern in granted for name in names)


def allows_namespace(principal: Principal, namespace: str) -> bool:
    """Say whether the caller may touch a document namespace of its tenant."""
    granted = principal.namespaces
    return not granted or any(matches(pattern, namespace) for pattern in granted)


def matches(pattern: str, name: str) -> bool:
    """Compare a name with a pattern in which one `*` stands for any text."""
    head, star, tail = pattern.partition("*")
    if not star:
        return name == pattern
    return len(name) >= len(head) + len(tail) and name.startswith(head) and name.endswith(tail)
