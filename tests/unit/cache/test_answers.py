"""The rules: what becomes a question, for whom, and for how long it is kept."""

from typing import Any

import msgspec
import pytest
from tests.support.at_once import at_once
from tests.support.clock import FakeClock, seeded
from tests.support.deployments import route
from tests.support.pipelines import CALLER, chat_deployment

from hx_gateway.cache.answers import AnswerCache, kind_of
from hx_gateway.cache.entry import Entry, Found
from hx_gateway.cache.exact import ExactShelf
from hx_gateway.cache.question import Question
from hx_gateway.core import wire
from hx_gateway.core.call import CacheWish, Call, Operation
from hx_gateway.core.chat import Chat, Message, Role, Text
from hx_gateway.core.event import Event, Finish, Finished
from hx_gateway.core.principal import Principal
from hx_gateway.core.snapshot import CacheSettings
from hx_gateway.store.answers_process import ProcessAnswers

ROUTE = route("m", chat_deployment("a"))
STOP: list[Event] = [Finished(reason=Finish.STOP)]
SEMANTIC: dict[str, Any] = {"type": "qdrant-semantic", "similarity_threshold": 0.9}


def cache(
    clock: FakeClock | None = None, *, heeds_origin: bool = False, **fields: Any
) -> AnswerCache:
    at = clock or FakeClock()
    settings = CacheSettings(enabled=True, **fields)
    shelf = ExactShelf(ProcessAnswers(at, 1 << 20))
    return AnswerCache(settings, shelf, at, seeded(), heeds_origin=heeds_origin)


def call(body: dict[str, Any] | None = None, **fields: Any) -> Call:
    made = Call(
        id="c",
        operation=Operation.CHAT,
        dialect="openai_chat",
        model="m",
        fields=wire.decode_fields(wire.encode(body or {"model": "m", "messages": []})),
    )
    return msgspec.structs.replace(made, **fields)


def talk(*texts: str) -> Chat:
    return Chat(messages=tuple(Message(role=Role.USER, parts=(Text(text=t),)) for t in texts))


def unread(_call: Call) -> Chat | None:
    raise AssertionError("nobody needs to understand it")


def ask(
    of: AnswerCache, asked: Call | None = None, who: Principal = CALLER, chat: Chat | None = None
) -> Question | None:
    read = unread if chat is None else lambda _: chat
    return at_once(of.question(asked or call(), who, ROUTE, read))


def name(*args: Any, **kwargs: Any) -> str:
    question = ask(*args, **kwargs)
    assert question is not None
    return question.name


def who(**fields: Any) -> Principal:
    return msgspec.structs.replace(CALLER, **fields)


def test_the_tenant_is_the_callers_own() -> None:
    question = ask(cache(), call({"tenant": "other"}), who(tenant="mine"))
    assert question is not None
    assert question.tenant == "mine"


def test_tenants_never_share_a_name() -> None:
    assert name(cache(), who=who(tenant="a")) != name(cache(), who=who(tenant="b"))


def test_models_of_a_group_share_their_answers_and_nobody_else_does() -> None:
    routes = {name: route(name, chat_deployment(name)) for name in "abcd"}

    def named(of: AnswerCache, model: str, tenant: str = "t") -> str:
        made = at_once(of.question(call(model=model), who(tenant=tenant), routes[model], unread))
        assert made is not None
        return made.name

    grouped = AnswerCache(
        CacheSettings(enabled=True),
        ExactShelf(ProcessAnswers(FakeClock(), 1 << 20)),
        FakeClock(),
        seeded(),
        groups=[[routes["a"], routes["b"]], [routes["c"], routes["b"]]],
    )
    assert named(grouped, "a") == named(grouped, "b")
    assert len({named(grouped, model) for model in "acd"}) == 3
    assert named(grouped, "a", "t") != named(grouped, "a", "u")
    assert named(cache(), "a") != named(cache(), "b")


@pytest.mark.parametrize(
    ("scope", "shared", "apart"),
    [
        ("tenant", {"key_id": "x", "team_id": "x"}, {"tenant": "x"}),
        ("team", {"key_id": "x"}, {"team_id": "x"}),
        ("key", {"alias": "x"}, {"key_id": "x"}),
    ],
)
def test_the_scope_narrows_the_tenant(
    scope: str, shared: dict[str, str], apart: dict[str, str]
) -> None:
    of = cache(scope=scope)
    assert name(of) == name(of, who=who(**shared))
    assert name(of) != name(of, who=who(**apart))


@pytest.mark.parametrize(
    ("mine", "yours"),
    [
        ({"user": "a"}, {"user": "b"}),
        ({"metadata": {"user_id": "a"}}, {"metadata": {"user_id": "b"}}),
        ({"user": "a"}, {"metadata": {"user_id": 5}}),
        ({"user": 5}, {"user": "b"}),
    ],
)
def test_end_users_can_be_kept_apart(mine: dict[str, Any], yours: dict[str, Any]) -> None:
    of = cache(scope="end_user")
    assert name(of, call(mine)) != name(of, call(yours))
    assert name(cache(), call(mine)) == name(cache(), call(yours))


def test_the_semantic_cache_belongs_to_a_key_unless_it_is_said_otherwise() -> None:
    mine, yours = who(key_id="a"), who(key_id="b")
    of, wide = cache(**SEMANTIC), cache(**SEMANTIC, scope="tenant")
    assert name(of, who=mine, chat=talk("hi")) != name(of, who=yours, chat=talk("hi"))
    assert name(wide, who=mine, chat=talk("hi")) == name(wide, who=yours, chat=talk("hi"))


def test_tags_and_regions_matter_where_routes_choose_by_them() -> None:
    tagged = call(tags=("eu",))
    for metadata in ({"tags": ["x"]}, {"allowed_model_region": "eu"}):
        tied = who(metadata=metadata)
        assert name(cache(), who=tied) == name(cache())
        assert name(cache(heeds_origin=True), who=tied) != name(cache(heeds_origin=True))
    assert name(cache(), tagged) == name(cache())
    assert name(cache(heeds_origin=True), tagged) != name(cache(heeds_origin=True))


@pytest.mark.parametrize(
    ("settings", "wish", "is_asked"),
    [
        ({}, None, True),
        ({"mode": "default_off"}, None, False),
        ({"mode": "default_off"}, CacheWish(uses=True), True),
        ({"operations": ("embedding",)}, None, False),
        ({}, CacheWish(reads=False, writes=False), False),
        ({}, CacheWish(reads=False), True),
    ],
)
def test_not_every_call_is_a_question(
    settings: dict[str, Any], wish: CacheWish | None, *, is_asked: bool
) -> None:
    assert (ask(cache(**settings), call(cache=wish)) is not None) is is_asked


@pytest.mark.parametrize(("messages", "is_asked"), [(4, True), (5, False)])
def test_long_conversations_are_not_looked_up_by_meaning(messages: int, *, is_asked: bool) -> None:
    chat = talk(*["hi"] * messages)
    assert (ask(cache(**SEMANTIC), chat=chat) is not None) is is_asked
    assert (ask(cache(max_messages=4), chat=chat) is not None) is is_asked
    assert ask(cache()) is not None


def test_what_has_no_last_text_is_no_semantic_question() -> None:
    assert ask(cache(**SEMANTIC), chat=Chat(messages=())) is None


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        (call(), "completion"),
        (call(dialect="anthropic_messages"), "anthropic_messages"),
        (call(dialect="openai_responses"), "responses"),
        (call(operation=Operation.COMPLETE), "text_completion"),
        (call(operation=Operation.EMBED), "embedding"),
        (call(operation=Operation.RERANK), "rerank"),
        (call(operation=Operation.SPEECH), None),
    ],
)
def test_calls_have_litellms_names(asked: Call, kind: str | None) -> None:
    assert kind_of(asked) == kind


def test_a_route_that_changed_has_other_answers() -> None:
    of = cache()
    before = name(of)
    changed = route("m", chat_deployment("b"))
    question = at_once(of.question(call(), CALLER, changed, unread))
    assert question is not None
    assert question.name != before


async def test_the_life_time_varies_by_a_tenth() -> None:
    clock = FakeClock()

    class Shelf(ExactShelf):
        def __init__(self) -> None:
            super().__init__(ProcessAnswers(clock, 1 << 20))
            self.kept: list[float] = []

        async def keep(self, question: Question, entry: Entry, ttl_s: float) -> None:
            self.kept.append(ttl_s)

    shelf = Shelf()
    of = AnswerCache(CacheSettings(enabled=True, ttl=100), shelf, clock, seeded())
    question = ask(of)
    assert question is not None
    entry = of.entry(question, b"{}", STOP, None, None)
    assert entry is not None
    for _ in range(300):
        await of.keep(question, entry)
    assert 90 <= min(shelf.kept) < 92
    assert 108 < max(shelf.kept) <= 110


def test_an_answer_knows_its_age() -> None:
    clock = FakeClock()
    of = cache(clock)
    question = ask(of, call(cache=CacheWish(max_age_s=10)))
    assert question is not None
    entry = of.entry(question, b"{}", STOP, None, chat_deployment("d1"))
    assert entry is not None
    assert (entry.deployment_id, entry.provider) == ("d1", "vendor")
    found = Found(entry=entry, label="l")
    clock.advance(10)
    assert of.suits(question, found)
    clock.advance(0.1)
    assert not of.suits(question, found)


def test_vectors_need_no_proper_end() -> None:
    of = cache(max_entry_bytes=10)
    question = ask(of)
    assert question is not None
    assert of.entry(question, b"{}", None, None, None) is not None
    assert of.entry(question, b"{}", [], None, None) is None
    assert of.entry(question, b"x" * 11, None, None, None) is None
