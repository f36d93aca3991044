import msgspec
import pytest
from tests.support.calls import ask, call

from hx_gateway.adapter import Bearer, clamp
from hx_gateway.adapter.request import Prepared, prepare
from hx_gateway.core import wire
from hx_gateway.core.call import Call, Contract, Operation
from hx_gateway.core.errors import Garbled, InvalidRequest
from hx_gateway.core.http import Origin
from hx_gateway.core.provider import Provider
from hx_gateway.core.route import Deployment
from hx_gateway.core.secret import Secret
from hx_gateway.core.wire import raw
from hx_gateway.dialects import ollama_chat, openai_chat, openai_embeddings

ACME = Provider(
    name="acme",
    base_url=None,
    auth=Bearer(),
    speaks={
        Operation.CHAT: (ollama_chat.WAY_OUT, openai_chat.WAY_OUT),
        Operation.COMPLETE: (openai_chat.WAY_OUT,),
        Operation.EMBED: (openai_embeddings.WAY_OUT,),
    },
    params=frozenset({"model", "messages", "temperature", "stream"}),
)


def sent(asked: Call, provider: Provider = ACME, **fields: object) -> Prepared:
    deployment = Deployment(
        id="d",
        provider=provider,
        model="upstream",
        origin=Origin(),
        **fields,  # type: ignore[arg-type]
    )
    return prepare(asked, deployment)


def body(prepared: Prepared) -> dict[str, object]:
    decoded: dict[str, object] = wire.decode_any(prepared.request.body)
    return decoded


def test_the_same_dialect_is_relayed_even_when_it_is_not_the_first() -> None:
    prepared = sent(ask(zzz={"a": [1]}))
    assert prepared.relayed
    assert prepared.out is openai_chat.WAY_OUT
    assert body(prepared)["zzz"] == {"a": [1]}


def test_another_dialect_is_translated_to_the_first() -> None:
    asked = msgspec.structs.replace(
        call({"prompt": "Once"}, "openai_completions"), operation=Operation.COMPLETE
    )
    prepared = sent(asked)
    assert not prepared.relayed
    assert body(prepared)["messages"] == [{"role": "user", "content": "Once"}]


def test_path_and_headers_are_put_together() -> None:
    asked = msgspec.structs.replace(ask(), headers={b"x-client": b"c", b"cookie": b"secret"})
    provider = msgspec.structs.replace(ACME, client_headers={b"x-client": None})
    prepared = sent(
        asked,
        provider,
        base_path="/v1",
        credential=Secret("k"),
        headers=((b"x-operator", b"o"),),
    )
    assert prepared.request.path == "/v1/chat/completions"
    assert prepared.request.headers == (
        (b"content-type", b"application/json"),
        (b"authorization", b"Bearer k"),
        (b"x-client", b"c"),
        (b"x-operator", b"o"),
    )


def test_defaults_fill_in_and_the_client_wins() -> None:
    defaults = {"temperature": raw(0.5), "top_p": raw(0.1)}
    prepared = sent(ask(temperature=1), defaults=defaults)
    assert (body(prepared)["temperature"], body(prepared)["top_p"]) == (1, 0.1)


def test_unknown_parameters_are_forwarded_refused_or_dropped() -> None:
    asked = ask(temperature=1, zzz=1, aaa=2)
    assert body(sent(asked))["zzz"] == 1
    with pytest.raises(InvalidRequest) as caught:
        sent(asked, params="strict")
    assert caught.value.param == "aaa"
    dropped = sent(asked, params="drop")
    assert dropped.changed == ("drop:aaa", "drop:zzz")
    assert {"aaa", "zzz"} & set(body(dropped)) == set()
    assert body(dropped)["temperature"] == 1


@pytest.mark.parametrize("params", ["strict", "drop"])
def test_known_parameters_pass_every_rule(params: str) -> None:
    prepared = sent(ask(temperature=1), params=params)
    assert prepared.changed == ()
    assert body(prepared)["temperature"] == 1


def test_a_vendor_without_a_list_knows_what_its_format_has() -> None:
    provider = msgspec.structs.replace(ACME, params=frozenset())
    assert body(sent(ask(top_k=1), provider, params="strict"))["top_k"] == 1
    assert sent(ask(zzz=1), provider, params="drop").changed == ("drop:zzz",)


def test_a_parameter_may_be_allowed_by_name() -> None:
    allowed = frozenset({"zzz"})
    assert body(sent(ask(zzz=1), params="strict", allowed=allowed))["zzz"] == 1
    assert sent(ask(zzz=1), params="drop", allowed=allowed).changed == ()


def test_the_caller_may_change_the_terms_for_one_call() -> None:
    asked = ask(temperature=1, zzz=1, aaa=2)
    wish = Contract(rule="drop", allowed=("zzz",), dropped=("temperature",))
    prepared = sent(msgspec.structs.replace(asked, contract=wish), params="strict")
    assert body(prepared)["zzz"] == 1
    assert prepared.changed == ("drop:temperature", "drop:aaa")


def test_the_operator_may_drop_single_fields() -> None:
    prepared = sent(ask(temperature=1), dropped=("temperature", "absent"))
    assert prepared.changed == ("drop:temperature",)
    assert "temperature" not in body(prepared)


def test_quirks_come_last_and_are_noted() -> None:
    provider = msgspec.structs.replace(ACME, quirks=(clamp("temperature", least=0, most=1),))
    prepared = sent(ask(), provider, defaults={"temperature": raw(7)})
    assert body(prepared)["temperature"] == 1
    assert prepared.changed == ("clamp:temperature",)


def test_as_many_vectors_must_come_back_as_were_asked_for() -> None:
    asked = msgspec.structs.replace(
        call({"input": ["a", "b"]}, "openai_embeddings"), operation=Operation.EMBED
    )
    out = sent(asked).out
    with pytest.raises(Garbled):
        out.usage(b'{"data":[{"embedding":[1]}]}')


def test_an_operation_nobody_speaks_is_the_clients_mistake() -> None:
    with pytest.raises(InvalidRequest) as caught:
        sent(msgspec.structs.replace(ask(), operation=Operation.IMAGE))
    assert caught.value.error_code == "unsupported_operation"


def test_the_call_itself_never_changes() -> None:
    asked = ask(stream=True, zzz=1)
    before = dict(asked.fields)
    sent(asked, defaults={"top_p": raw(1)}, dropped=("zzz",), params="drop")
    assert asked.fields == before
