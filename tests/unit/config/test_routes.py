import pytest
from tests.support.configs import NOWHERE, node
from tests.support.deployments import deployment

from hx_gateway.config.models import Entry
from hx_gateway.config.report import Report
from hx_gateway.config.routes import Routes, compile_routes


def compiled(text: str = "{}", *names: str) -> tuple[Routes, Report]:
    report = Report()
    entries = [
        Entry(name=name, deployment=deployment(f"d{i}"), access_groups=(f"g{i}",), place=NOWHERE)
        for i, name in enumerate(names or ("a", "b", "a", "openai/*", "*"))
    ]
    return compile_routes(entries, node(text), "least-busy", report), report


def test_entries_of_one_name_are_one_route() -> None:
    routes, _ = compiled()
    assert list(routes.exact) == ["a", "b"]
    assert [d.id for d in routes.exact["a"].deployments] == ["d0", "d2"]
    assert routes.exact["a"].access_groups == ("g0", "g2")
    assert routes.exact["a"].strategy == "least-busy"


def test_wildcards_come_longest_first() -> None:
    routes, _ = compiled("{}", "*", "openai/*", "openai/gpt-*", "x")
    assert [route.name for route in routes.wildcards] == ["openai/gpt-*", "openai/*", "*"]


@pytest.mark.parametrize(
    ("text", "fallbacks"),
    [
        ("router_settings: {fallbacks: [{a: [b]}]}", ("b",)),
        ("litellm_settings: {fallbacks: [{a: [b]}]}", ("b",)),
        (
            "router_settings: {fallbacks: [{a: [b]}]}\nlitellm_settings: {fallbacks: [{a: [openai/x]}]}",
            ("b",),
        ),
        ("router_settings: {fallbacks: [{a: b}]}", ("b",)),
        ("router_settings: {fallbacks: {a: [b]}}", ("b",)),
        ("router_settings: {fallbacks: [{'*': [b, a]}]}", ("b",)),
        ("router_settings: {default_fallbacks: [b]}", ("b",)),
        (
            "litellm_settings: {default_fallbacks: [b]}\nrouter_settings: {fallbacks: [{a: [openai/x]}]}",
            ("openai/x",),
        ),
        ("router_settings: {fallbacks: [{b: [a]}]}", ()),
        ("router_settings: {fallbacks: []}", ()),
    ],
)
def test_fallbacks_are_read_in_every_form(text: str, fallbacks: tuple[str, ...]) -> None:
    routes, report = compiled(text)
    assert routes.exact["a"].fallbacks == fallbacks
    assert report.problems == report.unread == []


def test_fallbacks_also_match_the_name_without_its_provider() -> None:
    routes, _ = compiled("router_settings: {fallbacks: [{x: [b]}]}", "acme/x", "b")
    assert routes.exact["acme/x"].fallbacks == ("b",)


def test_each_kind_of_fallback_is_kept_apart() -> None:
    routes, _ = compiled(
        "router_settings: {context_window_fallbacks: [{a: [b]}], content_policy_fallbacks: [{a: [openai/x]}]}"
    )
    route = routes.exact["a"]
    assert (route.fallbacks, route.context_window_fallbacks, route.content_policy_fallbacks) == (
        (),
        ("b",),
        ("openai/x",),
    )


@pytest.mark.parametrize("fallbacks", ["[a]", "[{a: 1}]", "[{a: [{b: 1}]}]", "x"])
def test_fallbacks_of_the_wrong_shape_are_problems(fallbacks: str) -> None:
    assert compiled(f"router_settings: {{fallbacks: {fallbacks}}}")[1].problems


def test_a_fallback_to_nowhere_has_no_effect_and_is_named() -> None:
    _, report = compiled("router_settings: {fallbacks: [{a: [gone]}]}", "a")
    assert "'gone' is no model" in report.unread[0]


def test_aliases_name_routes_and_may_be_hidden() -> None:
    routes, report = compiled(
        "router_settings: {model_group_alias: {one: a, two: {model: b, hidden: true}, three: {model: b}, four: openai/x, "
        "five: {model: openai/y, hidden: true}}}"
    )
    assert routes.aliases == {
        "one": "a", "two": "b", "three": "b", "four": "openai/x", "five": "openai/y",
    }  # fmt: skip
    assert routes.hidden == {"two", "five"}
    assert report.problems == []


@pytest.mark.parametrize("alias", ["{one: gone}", "{one: {hidden: true}}", "{one: 5}"])
def test_an_alias_of_nothing_is_left_out_and_named(alias: str) -> None:
    routes, report = compiled(f"router_settings: {{model_group_alias: {alias}}}", "a")
    assert routes.aliases == {}
    assert "names no model" in report.unread[0]


@pytest.mark.parametrize(
    ("pattern", "name", "caught"),
    [
        ("openai/*", "openai/x", True),
        ("openai/*", "openai/", False),
        ("*", "anything", True),
        ("*-mini", "gpt-mini", True),
        ("*-mini", "-mini", False),
        ("a*c*e", "abcde", True),
        ("a*c*e", "abde", False),
        ("a.b/*", "axb/x", False),
    ],
)
def test_a_pattern_catches_what_the_table_would_find(pattern: str, name: str, caught: bool) -> None:
    assert compiled("{}", pattern)[0].has(name) is caught


def test_a_group_carries_its_retry_policy() -> None:
    routes, _ = compiled(
        "router_settings: {model_group_retry_policy: {a: {TimeoutErrorRetries: 0}}}"
    )
    assert (routes.exact["a"].retries, routes.exact["b"].retries) == ({"Timeout": 0}, {})


def test_a_name_that_a_wildcard_catches_may_have_its_own_fallbacks_and_retries() -> None:
    routes, report = compiled(
        "router_settings: {fallbacks: [{openai/x: [a]}, {'*': [b]}], "
        "model_group_retry_policy: {openai/y: {TimeoutErrorRetries: 0}}}"
    )
    own = routes.exact["openai/x"]
    assert (own.fallbacks, own.pattern, own.hidden) == (("a",), "openai/*", True)
    assert own.deployments[0].is_filled
    assert routes.exact["openai/y"].retries == {"Timeout": 0}
    assert routes.exact["openai/y"].fallbacks == ("b",)
    assert report.problems == report.unread == []


def test_a_plain_name_that_a_vendors_pattern_catches_can_have_a_policy_and_be_one() -> None:
    text = "router_settings: {fallbacks: [{gpt-4o: [claude-x]}], model_group_alias: {best: gpt-4o}}"
    routes, report = compiled(text, "openai/*", "anthropic/*")
    assert routes.exact["openai/gpt-4o"].fallbacks == ("claude-x",)
    assert routes.exact["openai/gpt-4o"].pattern == "openai/*"
    assert routes.aliases == {"best": "gpt-4o"}
    assert report.unread == []
    assert not routes.has("mistral-7b")
