"""The routes of kept answers: a conversation with a memory, in front of a chat upstream."""

from typing import Any

import msgspec
import openai.types.responses
import pytest
from pydantic import TypeAdapter
from tests.support.clock import FakeClock
from tests.support.deployments import route
from tests.support.keystore import KEY, SwitchedStore, record_of
from tests.support.pipelines import CALLER, DONE, Rig, chat_deployment, collect, delta, whole
from tests.support.sender import Answer, ScriptedSender
from tests.support.web import MASTER_KEY, Browser

from hx_gateway.core import wire
from hx_gateway.core.http import Request
from hx_gateway.core.snapshot import ResponseSettings, ServerSettings
from hx_gateway.manage.responses import ResponseShelf
from hx_gateway.web.endpoint import Visit
from hx_gateway.web.inference import Inference
from hx_gateway.web.responses import ItemsQuery, ResponseRoutes, endpoints, page_of

PATH = "/v1/responses"
ITEM: TypeAdapter[Any] = TypeAdapter(openai.types.responses.ResponseItem)


class World:
    """The routes over one upstream that answers "hi", a store, and a browser."""

    def __init__(self, *answers: Answer, **settings: Any) -> None:
        self.store = SwitchedStore(record_of())
        self.clock = FakeClock()
        sender = ScriptedSender(a=list(answers) or [Answer(200, whole("hi"))])
        self.rig = Rig(sender, route("m", chat_deployment("a")))
        inference = Inference(self.rig.pipeline, ServerSettings(heartbeat_interval=0), self.clock)
        self.shelf = ResponseShelf(self.store, ResponseSettings(**settings), self.clock)
        self.routes = endpoints(ResponseRoutes(inference, self.shelf))
        self.browser = Browser(self.store, self.clock).open(self.routes)

    async def say(self, text: object = "Hello", key: str = MASTER_KEY, **more: object) -> Any:
        return await self.browser.post(PATH, {"model": "m", "input": text, **more}, key=key)

    @property
    def asked(self) -> list[dict[str, Any]]:
        return [wire.decode_any(request.body) for _, request in self.rig.sender.sent]


async def test_a_follow_up_reaches_the_upstream_as_one_conversation() -> None:
    world = World()
    first = (await world.say("Hello")).json
    assert first["store"] is True
    second = (await world.say("And now?", previous_response_id=first["id"])).json
    assert second["previous_response_id"] == first["id"]
    assert world.asked[1]["messages"] == [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "hi"},
        {"role": "user", "content": "And now?"},
    ]
    assert {"store", "metadata", "previous_response_id"}.isdisjoint(world.asked[1])
    await world.say("And then?", previous_response_id=second["id"])
    assert [m["content"] for m in world.asked[2]["messages"]] == [
        "Hello", "hi", "And now?", "hi", "And then?",
    ]  # fmt: skip


async def test_instructions_are_not_carried_over() -> None:
    world = World()
    first = (await world.say("Hello", instructions="Be brief.")).json
    await world.say("More", previous_response_id=first["id"])
    assert [m["role"] for m in world.asked[0]["messages"]] == ["system", "user"]
    assert [m["role"] for m in world.asked[1]["messages"]] == ["user", "assistant", "user"]


async def test_a_kept_answer_is_shown_as_it_was_given_and_can_be_forgotten() -> None:
    world = World()
    given = await world.say("Hello", metadata={"topic": "x"})
    id_ = given.json["id"]
    shown = await world.browser.get(f"{PATH}/{id_}")
    assert shown.body == given.body
    assert shown.json["metadata"] == {"topic": "x"}
    gone = await world.browser.ask("DELETE", f"{PATH}/{id_}")
    assert gone.json == {"id": id_, "object": "response", "deleted": True}
    for method in ("GET", "DELETE"):
        assert (await world.browser.ask(method, f"{PATH}/{id_}")).status == 404
    assert (await world.say("x", previous_response_id=id_)).status == 404


async def test_another_keys_answer_is_absent_in_the_same_words() -> None:
    world = World()
    id_ = (await world.say("Hello")).json["id"]

    async def bodies(id_: str) -> list[object]:
        asked = [
            await world.browser.ask("GET", f"{PATH}/{id_}", key=KEY),
            await world.browser.ask("DELETE", f"{PATH}/{id_}", key=KEY),
            await world.browser.ask("GET", f"{PATH}/{id_}/input_items", key=KEY),
            await world.browser.ask("POST", f"{PATH}/{id_}/cancel", {}, key=KEY),
            await world.say("x", KEY, previous_response_id=id_),
        ]
        assert [answer.status for answer in asked] == [404] * 5
        return [{**answer.error, "request_id": ""} for answer in asked]

    foreign = await bodies(id_)
    unknown = await bodies("resp_nothing")
    assert msgspec.json.encode(foreign).replace(id_.encode(), b"resp_nothing") == (
        msgspec.json.encode(unknown)
    )
    assert len(world.asked) == 1
    assert (await world.browser.get(f"{PATH}/{id_}")).status == 200


async def test_store_false_keeps_nothing() -> None:
    world = World()
    answer = await world.say("Hello", store=False)
    assert answer.headers["x-hx-stored"] == "false"
    assert answer.json["store"] is False
    assert (await world.browser.get(f"{PATH}/{answer.json['id']}")).status == 404


async def test_an_expired_answer_is_gone() -> None:
    world = World(ttl_s=60)
    id_ = (await world.say("Hello")).json["id"]
    world.clock.advance(61)
    assert (await world.browser.get(f"{PATH}/{id_}")).status == 404


async def test_with_no_time_to_keep_answers_nothing_is_kept() -> None:
    world = World(ttl_s=0)
    answer = await world.say("Hello")
    assert (answer.status, answer.json["store"]) == (200, False)
    assert (await world.say("x", previous_response_id=answer.json["id"])).status == 404


async def test_a_store_that_is_away_costs_the_memory_and_not_the_answer() -> None:
    world = World()
    kept = (await world.say("Hello")).json["id"]
    world.store.mode = "down"
    answer = await world.say("Hello")
    assert (answer.status, answer.headers["x-hx-stored"]) == (200, "false")
    for asked in (
        await world.browser.get(f"{PATH}/{kept}"),
        await world.browser.get(f"{PATH}/{kept}/input_items"),
        await world.browser.ask("DELETE", f"{PATH}/{kept}"),
        await world.say("x", previous_response_id=kept),
    ):
        assert asked.status == 503
        assert "PostgreSQL" in asked.error["message"]


async def test_a_stream_is_kept_too() -> None:
    pieces = (delta("he"), delta("y"), delta(finish="stop"), DONE)
    world = World(Answer(200, *pieces), Answer(200, whole("hi")))
    create = next(route for route in world.routes if route.name == "responses")
    body = wire.encode({"model": "m", "input": "Hello", "stream": True})
    response = await create.handler(visit_of(body))
    assert response.chunks is not None
    said = await collect(response.chunks)
    id_ = msgspec.json.decode(said.rpartition(b"data: ")[2])["response"]["id"]
    kept = await world.shelf.find(visit_of(b"").caller, id_)
    assert wire.decode_any(kept.response.encode())["output"][0]["content"][0]["text"] == "hey"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"input": [{"type": "item_reference", "id": "rs_1"}]}, "input[0]"),
        ({"input": [{"role": "user", "content": "x"}, {"id": "msg_1"}]}, "input[1]"),
        ({"input": ["text"]}, "input[0]"),
        ({"input": 7}, "input"),
        ({"store": "yes"}, "store"),
        ({"previous_response_id": 7}, "previous_response_id"),
    ],
)
async def test_what_another_caller_might_own_is_refused(body: dict[str, Any], param: str) -> None:
    world = World()
    answer = await world.browser.post(PATH, {"model": "m", "input": "Hello", **body})
    assert (answer.status, answer.error["param"]) == (400, param)
    assert world.asked == []


async def test_nothing_can_be_cancelled_and_nothing_is_streamed_again() -> None:
    world = World()
    id_ = (await world.say("Hello")).json["id"]
    refused = await world.browser.post(f"{PATH}/{id_}/cancel", {})
    assert (refused.status, refused.error["code"]) == (400, "response_not_cancellable")
    assert (await world.browser.get(f"{PATH}/{id_}", stream="true")).status == 400


async def test_input_items_are_listed_with_ids_in_pages() -> None:
    world = World()
    first = (await world.say("One")).json["id"]
    turns = [{"role": "assistant", "content": "so"}, {"role": "user", "content": "Two"}]
    second = (await world.say(turns, previous_response_id=first)).json["id"]
    listed = (await world.browser.get(f"{PATH}/{second}/input_items", order="asc")).json
    for item in listed["data"]:
        ITEM.validate_python(item)
    texts = [item["content"][0]["text"] for item in listed["data"]]
    assert texts == ["One", "hi", "so", "Two"]
    assert listed["first_id"] == listed["data"][0]["id"]
    assert listed["has_more"] is False
    page = (await world.browser.get(f"{PATH}/{second}/input_items", limit=3)).json
    assert [item["content"][0]["text"] for item in page["data"]] == ["Two", "so", "hi"]
    assert page["has_more"] is True
    rest = await world.browser.get(f"{PATH}/{second}/input_items", after=page["last_id"])
    assert [item["content"][0]["text"] for item in rest.json["data"]] == ["One"]
    unknown = await world.browser.get(f"{PATH}/{second}/input_items", after="x")
    assert unknown.error["param"] == "after"
    assert (await world.browser.get(f"{PATH}/{second}/input_items", limit=101)).status == 422


def test_an_empty_page_has_no_ends() -> None:
    page = page_of([], ItemsQuery())
    assert (page["first_id"], page["last_id"], page["has_more"]) == (None, None, False)


async def test_litellms_other_paths_are_the_same() -> None:
    world = World()
    id_ = (await world.say("Hello")).json["id"]
    for prefix in ("", "/openai/v1"):
        path = f"{prefix}/responses"
        assert (await world.browser.get(f"{path}/{id_}")).status == 200
        assert (await world.browser.post(path, {"model": "m", "input": "x"})).status == 200


def visit_of(body: bytes) -> Visit:
    return Visit("v-1", Request("POST", PATH, "", {}, body=body), CALLER)
