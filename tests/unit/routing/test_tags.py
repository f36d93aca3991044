"""Tags: who is left by which, and who may not be asked."""

import re

import pytest
from tests.support.deployments import deployment

from hx_gateway.core.route import Deployment
from hx_gateway.routing.tags import Asked, TagRules, choose

FREE, PAID = deployment("free", tags=("free",)), deployment("paid", tags=("paid", "eu"))
DEFAULT, PLAIN = deployment("default", tags=("default",)), deployment("plain")
CODE = deployment("code", tag_regex=("^User-Agent: claude-code/",))
TEAM = deployment("team", tags=("team",), tag_regex=("curl",))
PATTERNS = {each.id: tuple(re.compile(text) for text in each.tag_regex) for each in (CODE, TEAM)}


def chosen(
    *all_: Deployment,
    tags: tuple[str, ...] = (),
    of_key: tuple[str, ...] = (),
    agent: str = "",
    match_any: bool = True,
    prefix: str = "",
) -> str:
    rules = TagRules(match_any=match_any, prefix=prefix, patterns=PATTERNS)
    found = choose(all_, Asked(tags=tags, of_key=of_key, agent=agent), rules)
    return " ".join(each.id for each in found)


@pytest.mark.parametrize(
    ("tags", "match_any", "expected"),
    [
        (("free",), True, "free"),
        (("free", "paid"), True, "free paid"),
        (("eu",), True, "paid"),
        (("paid", "eu"), False, "paid"),
        (("free", "eu"), False, ""),  # nobody has both, and a default is no stand-in
        (("unknown",), True, "default"),
        (("unknown",), False, "default"),
        ((), True, "default"),
        (("!free",), True, "default"),
        (("!default",), True, ""),
        (("&paid",), True, "paid"),
        (("&paid", "!eu"), True, ""),
        (("&eu", "paid"), True, "paid"),
        (("paid", "!eu"), True, ""),
        (("free", "paid", "!eu"), True, "free"),
        (("&unknown",), True, ""),
        (("!", "&"), True, "default"),  # marks without a name say nothing
    ],
)
def test_tags_choose_and_the_default_takes_the_rest(
    tags: tuple[str, ...], match_any: bool, expected: str
) -> None:
    assert chosen(FREE, PAID, DEFAULT, PLAIN, tags=tags, match_any=match_any) == expected


def test_without_a_default_untagged_calls_go_anywhere_and_unknown_tags_nowhere() -> None:
    assert chosen(FREE, PLAIN) == "free plain"
    assert chosen(FREE, PLAIN, tags=("!free",)) == "plain"
    assert chosen(FREE, PLAIN, tags=("unknown",)) == ""


@pytest.mark.parametrize(
    ("agent", "tags", "match_any", "expected"),
    [
        ("claude-code/2.1", (), True, "code"),
        ("python-requests", (), True, "default"),
        ("", (), True, "default"),
        ("curl/8", (), True, "team"),
        ("curl/8", ("free",), True, "team free"),  # either is enough
        ("curl/8", (), False, "default"),  # all tags are wanted, and it has none of them
        ("claude-code/2.1", (), False, "code"),
        ("my-claude-code/1", (), True, "default"),
        ("claude-code/2.1", ("&free",), True, "free"),
    ],
)
def test_a_pattern_for_the_clients_agent_chooses_as_a_tag_does(
    agent: str, tags: tuple[str, ...], match_any: bool, expected: str
) -> None:
    all_ = (CODE, TEAM, FREE, DEFAULT)
    assert chosen(*all_, agent=agent, tags=tags, match_any=match_any) == expected


def test_with_a_prefix_only_tags_that_carry_it_choose_and_those_of_a_key_always() -> None:
    assert chosen(FREE, PAID, DEFAULT, tags=("free",), prefix="route:") == "default"
    assert chosen(FREE, PAID, DEFAULT, tags=("route:free", "x"), prefix="route:") == "free"
    assert chosen(FREE, PAID, DEFAULT, of_key=("paid",), prefix="route:") == "paid"
