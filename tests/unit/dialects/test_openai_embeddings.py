import pytest
from tests.support.calls import call, drained, plain

from hx_gateway.core import wire
from hx_gateway.core.call import Call
from hx_gateway.core.errors import Garbled, InvalidRequest, Overloaded, RateLimited
from hx_gateway.core.event import Event, Started, Used, Vector
from hx_gateway.core.usage import Usage
from hx_gateway.dialects.openai_embeddings import WAY_IN, WAY_OUT, count_inputs

ANSWER: list[Event] = [
    Started(id="", model="public"),
    Vector(index=0, values=(0.5, -0.25)),
    Vector(index=1, values=(1.0, 0.0)),
    Used(usage=Usage(input=3)),
]


def embed(**fields: object) -> Call:
    return call(fields, "openai_embeddings")


def body_of(*embeddings: object) -> bytes:
    data = [{"index": index, "embedding": values} for index, values in enumerate(embeddings)]
    return wire.encode({"data": data, "usage": {"prompt_tokens": 3}})


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("a", ("a",)),
        (["a", "b"], ("a", "b")),
        ([1, 2], ((1, 2),)),
        ([[1], [2, 3]], ((1,), (2, 3))),
    ],
)
def test_inputs_are_understood_and_counted(given: object, inputs: tuple[object, ...]) -> None:
    assert WAY_IN.read(embed(input=given)).inputs == inputs
    assert count_inputs(embed(input=given).fields) == len(inputs)


@pytest.mark.parametrize("given", ["", [], [""], None, ["a", ""], [[]], ["a", 1], {"a": 1}])
@pytest.mark.parametrize("name", ["input", "prompt"])
def test_empty_and_mixed_inputs_are_refused(name: str, given: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        count_inputs(embed(**{name: given}).fields)
    assert caught.value.param == "input"


def test_a_missing_input_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="'input'"):
        WAY_OUT.adapt({}, "m", stream=False)


def test_prompt_is_taken_for_input_and_input_wins() -> None:
    assert plain(WAY_OUT.adapt(dict(embed(prompt="a").fields), "m", stream=False)) == {
        "model": "m",
        "input": "a",
    }
    adapted = WAY_OUT.adapt(dict(embed(prompt="a", input="b").fields), "m", stream=False)
    assert plain(adapted) == {"model": "m", "prompt": "a", "input": "b"}


def test_a_translated_call_keeps_what_it_says() -> None:
    question = WAY_IN.read(embed(input=["a"], dimensions=2, encoding_format="base64", zzz=1))
    assert plain(WAY_OUT.encode(question, "m", stream=False)) == {
        "model": "m",
        "input": ["a"],
        "dimensions": 2,
        "encoding_format": "base64",
        "zzz": 1,
    }


@pytest.mark.parametrize("form", ["float", "base64"])
def test_vectors_read_back_as_they_were_written(form: str) -> None:
    written = WAY_IN.render(ANSWER, embed(input="a", encoding_format=form))
    assert (b"[0.5" in written) is (form == "float")
    assert WAY_OUT.decode(written) == ANSWER


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"data":[]}',
        b'{"data":[{}]}',
        body_of([]),
        body_of(""),
        body_of(None),
        body_of([0.5], []),
    ],
)
def test_a_missing_or_empty_vector_is_garbled(body: bytes) -> None:
    for read in (WAY_OUT.usage, WAY_OUT.decode):
        with pytest.raises(Garbled):
            read(body)


@pytest.mark.parametrize("embedding", [["a"], "***", "QUJD", 7])
def test_what_is_no_vector_is_garbled(embedding: object) -> None:
    with pytest.raises(Garbled):
        WAY_OUT.decode(body_of(embedding))


def test_there_must_be_as_many_vectors_as_inputs() -> None:
    body = body_of([0.5], [0.25])
    assert WAY_OUT.expecting(2).usage(body) == Usage(input=3)
    for inputs in (1, 3):
        with pytest.raises(Garbled):
            WAY_OUT.expecting(inputs).usage(body)


def test_an_error_with_status_200_is_an_error() -> None:
    with pytest.raises(Overloaded):
        WAY_OUT.usage(b'{"error":{"message":"x"}}')


def test_where_a_stream_is_asked_for_there_is_one_answer() -> None:
    writer = WAY_IN.writer(embed(input="a"))
    written = writer.write(ANSWER) + writer.end()
    assert drained(WAY_OUT.decoder(), written[:9], written[9:]) == ANSWER
    assert WAY_OUT.relay(wants_usage=True).feed(b"") == b""


def test_errors_are_written_in_it_too() -> None:
    error = RateLimited("Too fast.")
    assert b"rate_limit_exceeded" in WAY_IN.error(error, "req-1")
    assert WAY_IN.stream_error(error, "req-1").startswith(b"data: {")
    assert type(WAY_OUT.fault(500, {}, b"")) is Overloaded
