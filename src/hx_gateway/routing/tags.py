"""Which deployments the tags of a call leave: LiteLLM's tag routing.

A tag chooses deployments that have it; `&tag` must be there as well, `!tag` must not. Deployments
may also be chosen by a pattern (`tag_regex`) that fits the client's `User-Agent`. The tag `default`
marks who takes the rest.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from hx_gateway.core.route import Deployment

DEFAULT = "default"
_Tagged = Sequence[Deployment]


class TagRules(msgspec.Struct, frozen=True, kw_only=True):
    """How tags choose in one route.

    `match_any`: one common tag is enough, else a deployment must have all of the call's. `prefix`:
    only tags of a call that begin with it choose, and those of a key. `patterns` by deployment id.
    """

    match_any: bool = True
    prefix: str = ""
    patterns: Mapping[str, tuple[re.Pattern[str], ...]] = {}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a call brings along: its own tags, its key's, and the client's `User-Agent`."""

    tags: Sequence[str] = ()
    of_key: Sequence[str] = ()
    agent: str = ""


class _Sorted(msgspec.Struct, frozen=True):
    chosen: frozenset[str]
    needed: frozenset[str]
    barred: frozenset[str]


def choose(all_: _Tagged, asked: Asked, rules: TagRules) -> _Tagged:
    """Give those that may be asked; empty when none may."""
    tags = _sorted(_choosing(asked, rules.prefix))
    allowed = [each for each in all_ if _is_allowed(each, tags)]
    by_agent = bool(asked.agent) and not tags.needed and any(each.tag_regex for each in allowed)
    if tags.chosen or by_agent:
        return _chosen(all_, allowed, tags.chosen, asked.agent, rules)
    if tags.needed:
        return allowed
    if tags.barred:
        return [each for each in _with_default(all_) if each in allowed]
    return _with_default(all_)


def _chosen(
    all_: _Tagged, allowed: _Tagged, chosen: frozenset[str], agent: str, rules: TagRules
) -> _Tagged:
    fitting = [each for each in allowed if _fits(each, chosen, agent, rules)]
    if fitting:
        return fitting
    # Tags that somebody has must not end at a default: the call would go where it may not.
    if any(not chosen.isdisjoint(each.tags) for each in all_):
        return ()
    return [each for each in allowed if DEFAULT in each.tags]


def _fits(deployment: Deployment, chosen: frozenset[str], agent: str, rules: TagRules) -> bool:
    if chosen and deployment.tags:
        if rules.match_any and not chosen.isdisjoint(deployment.tags):
            return True
        if not rules.match_any and chosen.issubset(deployment.tags):
            return True
    if not agent or (deployment.tags and not rules.match_any):
        return False  # where all tags are wanted, a pattern does not stand in for them
    patterns = rules.patterns.get(deployment.id, ())
    return any(pattern.search(f"User-Agent: {agent}") for pattern in patterns)


def _choosing(asked: Asked, prefix: str) -> Iterable[str]:
    if not prefix:
        return (*asked.tags, *asked.of_key)
    marked = [tag.removeprefix(prefix) for tag in asked.tags if tag.startswith(prefix)]
    return (*marked, *(tag.removeprefix(prefix) for tag in asked.of_key))


def _sorted(tags: Iterable[str]) -> _Sorted:
    found: dict[str, set[str]] = {"": set(), "&": set(), "!": set()}
    for tag in tags:
        mark = tag[:1] if tag[:1] in {"&", "!"} else ""
        if name := tag.removeprefix(mark):
            found[mark].add(name)
    return _Sorted(*(frozenset(names) for names in found.values()))


def _is_allowed(deployment: Deployment, tags: _Sorted) -> bool:
    return tags.barred.isdisjoint(deployment.tags) and tags.needed.issubset(deployment.tags)


def _with_default(all_: _Tagged) -> _Tagged:
    return [each for each in all_ if DEFAULT in each.tags] or all_
