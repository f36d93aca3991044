"""What makes two calls one question, and what keeps them apart."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.deployments import route
from tests.support.forms import FakeForm
from tests.support.pipelines import chat_deployment

from hx_gateway.cache.key import (
    LEFT_OUT,
    Circle,
    alike_of,
    name_of,
    name_of_all,
    names_of,
    version_of,
)
from hx_gateway.cache.pace import SLICE, Pace
from hx_gateway.core import wire
from hx_gateway.core.call import Call, Detour, Hints, Operation, Wishes
from hx_gateway.core.chat import Chat, Image, Message, Role, Text
from hx_gateway.core.http import Origin
from hx_gateway.core.wire import raw

HERE = Circle(tenant="t", scope="", namespace="", model="m", version="1")
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "temperature": 0}


def call(body: bytes | dict[str, Any] | None = None, **fields: Any) -> Call:
    data = body if isinstance(body, bytes) else wire.encode(body or ASK)
    made = Call(
        id="c",
        operation=Operation.CHAT,
        dialect="openai_chat",
        model="m",
        fields=msgspec.json.decode(data, type=wire.Fields),
    )
    return msgspec.structs.replace(made, **fields)


def test_order_white_space_and_escapes_do_not_matter() -> None:
    one = b'{"model":"m","temperature":0,"messages":[{"role":"user","content":"h\\u0069"}]}'
    two = b'{ "messages": [ {"content": "hi", "role": "user"} ], "temperature": 0, "model": "m" }'
    assert name_of(call(one), HERE) == name_of(call(two), HERE) == name_of(call(), HERE)


async def test_inputs_have_the_names_that_they_have_alone() -> None:
    fields = {"model": raw("e"), "dimensions": raw(3), "user": raw("u")}
    inputs = [raw("a"), raw([1, 2]), raw("b")]
    many = call(fields={**fields, "input": wire.raw(inputs)})
    alone = [name_of(call(fields={**fields, "input": each}), HERE) for each in inputs]
    assert await names_of(many, HERE, "input", inputs, Pace()) == alone
    assert len({*alone, name_of_all([n for n in alone if n])}) == 4
    twice = raw({"a": 1}), msgspec.Raw(b'{"a":1,"a":2}')
    assert await names_of(many, HERE, "input", twice, Pace()) == []


async def test_long_inputs_are_named_in_slices() -> None:
    """Ten megabytes of them held everybody up for 150 ms."""
    pauses = 0

    async def pause() -> None:
        nonlocal pauses
        pauses += 1

    inputs = [raw("x" * (SLICE // 4))] * 16
    names = await names_of(call(fields={}), HERE, "input", inputs, Pace(pause))
    assert len(names) == 16
    assert pauses == 4


def test_a_form_is_known_by_its_digest_and_without_one_not_at_all() -> None:
    names = []
    for digest in ("a", "b", None):
        form = FakeForm(b"")
        form.digest = digest
        names.append(name_of(call(form=form, fields={}), HERE))
    assert names[0] != names[1]
    assert names[2] is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages":[{"role":"user","content":"evil","content":"hi"}]}',
        b'{"messages":[],"x":{"a":{"b":1,"b":1}}}',
    ],
)
def test_a_key_that_stands_twice_gives_no_name(body: bytes) -> None:
    """Large bodies may have one. Else who knows an upstream that takes the first could plant answers for others."""
    assert name_of(call(body), HERE) is None


@given(
    st.recursive(
        st.text(alphabet='ab":,\\{}[]\n', max_size=6) | st.integers() | st.booleans(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(alphabet='a":\\', max_size=3), inner, max_size=3)
        ),
        max_leaves=12,
    )
)
def test_anything_else_that_is_json_has_one(value: object) -> None:
    assert name_of(call({"messages": value}), HERE) is not None


@pytest.mark.parametrize("field", sorted(LEFT_OUT - {"model"}))
def test_what_no_model_sees_does_not_matter(field: str) -> None:
    assert name_of(call({**ASK, field: {"x": 1}}), HERE) == name_of(call(), HERE)


@pytest.mark.parametrize("field", ["user", "metadata", "safety_identifier"])
def test_what_an_answer_repeats_matters(field: str) -> None:
    """An answer of the Responses format would show one user's metadata to another."""
    plain = call(dialect="openai_responses")
    with_it = call({**ASK, field: "a"}, dialect="openai_responses")
    assert name_of(with_it, HERE) != name_of(plain, HERE)


@pytest.mark.parametrize(
    "changed",
    [
        call({**ASK, "temperature": 1}),
        call({**ASK, "seed": 1}),
        call({**ASK, "something_new": 1}),
        call({**ASK, "messages": [{"role": "user", "content": "ho"}]}),
        call(operation=Operation.COMPLETE),
        call(dialect="anthropic_messages"),
        call(headers={b"anthropic-beta": b"x"}),
        call(hints=Hints(headers=((b"x-trace", b"1"),))),
        call(wishes=Wishes(region="eu")),
        call(wishes=Wishes(use_fallbacks=False)),
        call(wishes=Wishes(fallbacks=(Detour(model="other"),))),
    ],
)
def test_whatever_could_change_the_answer_matters(changed: Call) -> None:
    assert name_of(changed, HERE) != name_of(call(), HERE)


@pytest.mark.parametrize("field", ["tenant", "scope", "namespace", "model", "version"])
def test_each_part_of_the_circle_matters(field: str) -> None:
    elsewhere = msgspec.structs.replace(HERE, **{field: "x"})
    assert name_of(call(), elsewhere) != name_of(call(), HERE)


def test_the_parts_of_a_circle_cannot_run_into_one_another() -> None:
    one = Circle(tenant="a", scope="bc", namespace="", model="m", version="1")
    two = Circle(tenant="ab", scope="c", namespace="", model="m", version="1")
    assert name_of(call(), one) != name_of(call(), two)


@pytest.mark.parametrize("field", ["previous_response_id", "conversation", "background"])
def test_an_answer_that_depends_on_kept_state_has_no_name(field: str) -> None:
    assert name_of(call({**ASK, field: "resp_1"}), HERE) is None
    assert name_of(call({**ASK, field: None}), HERE) is not None


@given(
    st.lists(
        st.tuples(st.text(max_size=3), st.text(max_size=3)), min_size=2, max_size=20, unique=True
    )
)
def test_two_tenants_or_two_prompts_never_share_a_name(pairs: list[tuple[str, str]]) -> None:
    names = {
        name_of(
            call({**ASK, "messages": [{"role": "user", "content": prompt}]}),
            msgspec.structs.replace(HERE, tenant=tenant),
        )
        for tenant, prompt in pairs
    }
    assert len(names) == len(pairs)


def chat(*texts: str, role: Role = Role.USER, **fields: Any) -> Chat:
    messages = tuple(Message(role=role, parts=(Text(text=text),)) for text in texts)
    return Chat(messages=messages, **fields)


def test_only_the_last_text_may_differ_in_a_bucket() -> None:
    one = alike_of(call(), chat("before", "How tall is it?"), HERE)
    two = alike_of(call(), chat("before", "What is its height?"), HERE)
    assert one is not None
    assert two is not None
    assert one.bucket == two.bucket
    assert (one.text, two.text) == ("How tall is it?", "What is its height?")


@pytest.mark.parametrize(
    "other",
    [
        chat("else", "hi"),
        chat("hi"),
        chat("before", "hi", temperature=1.0),
        chat("before", "hi", extra={"x": wire.raw(1)}),
        chat("before", "hi", max_tokens=5),
    ],
)
def test_everything_else_keeps_buckets_apart(other: Chat) -> None:
    mine, others = alike_of(call(), chat("before", "hi"), HERE), alike_of(call(), other, HERE)
    assert mine is not None
    assert others is not None
    assert mine.bucket != others.bucket


def test_the_user_and_what_no_model_sees_do_not_keep_buckets_apart() -> None:
    one = alike_of(call(), chat("hi"), HERE)
    two = alike_of(call(), chat("hi", user="u", extra={"metadata": wire.raw({})}), HERE)
    assert one == two


def test_tenants_have_buckets_of_their_own() -> None:
    other = msgspec.structs.replace(HERE, tenant="other")
    assert alike_of(call(), chat("hi"), HERE) != alike_of(call(), chat("hi"), other)


@pytest.mark.parametrize(
    "unfit",
    [
        Chat(messages=()),
        chat("done", role=Role.ASSISTANT),
        chat(" "),
        Chat(messages=(Message(role=Role.USER, parts=(Text(text="a"), Image(url="b"))),)),
        Chat(messages=(Message(role=Role.USER, parts=()),)),
    ],
)
def test_what_ends_with_no_plain_text_of_a_user_is_like_nothing(unfit: Chat) -> None:
    assert alike_of(call(), unfit, HERE) is None


def test_a_route_that_is_asked_otherwise_has_another_version() -> None:
    one = version_of(route("m", chat_deployment("a")))
    assert one == version_of(route("m", chat_deployment("a")))
    others = [
        route("m", chat_deployment("a"), chat_deployment("b")),
        route("m", chat_deployment("a", model="new")),
        route("m", chat_deployment("a", defaults={"temperature": wire.raw(1)})),
        route("m", chat_deployment("a"), fallbacks=("f",)),
    ]
    assert one not in {version_of(each) for each in others}
    assert Origin(host="a").authority  # what a deployment's place is told by
