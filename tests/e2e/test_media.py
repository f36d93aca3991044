"""Everything beside text: the official OpenAI clients and plain HTTP against the real program."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
import pytest_asyncio
from tests.e2e.conftest import UPSTREAM_KEY
from tests.support.media_upstream import SOUND, MediaUpstream, form, sent_fields
from tests.support.served import Gateway, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def client(media_gateway: Gateway) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=f"{media_gateway.url}/v1", api_key=media_gateway.key, max_retries=0, timeout=60
    ) as made:
        yield made


async def test_moderations_and_pictures(client: openai.AsyncOpenAI, media: MediaUpstream) -> None:
    judged = await client.moderations.create(model="any", input=["one", "two"])
    assert judged.results[0].flagged is False
    assert media.last.json() == {"model": "up-any", "input": ["one", "two"]}
    drawn = await client.images.generate(model="any", prompt="a whale", n=2)
    assert drawn.data is not None
    assert [picture.b64_json for picture in drawn.data] == ["aGVsbG8="] * 2
    assert drawn.usage is not None
    assert drawn.usage.total_tokens == 18
    stream = await client.images.generate(
        model="any", prompt="a whale", stream=True, partial_images=1
    )
    kinds = [event.type async for event in stream]
    assert kinds == ["image_generation.partial_image", "image_generation.completed"]


async def test_speech_arrives_as_the_upstream_wrote_it(
    client: openai.AsyncOpenAI, media: MediaUpstream
) -> None:
    media.gate.clear()
    sound = b""
    async with client.audio.speech.with_streaming_response.create(
        model="any", voice="alloy", input="hello"
    ) as answer:
        assert answer.headers["content-type"] == "audio/mpeg"
        async for piece in answer.iter_bytes():
            sound += piece
            media.gate.set()  # the first pieces are not gathered until there are more
    assert sound == SOUND
    assert media.last.json()["model"] == "up-any"


async def test_a_sound_that_breaks_off_is_cut_and_not_completed(
    http: httpx.AsyncClient, media: MediaUpstream
) -> None:
    """Symptom elsewhere: an error message in the middle of an MP3, and a proper end."""
    media.break_after = 3
    ask = {"model": "any", "voice": "alloy", "input": "x"}
    got = b""

    async def listen() -> None:
        nonlocal got
        async with http.stream("POST", "/v1/audio/speech", json=ask) as answer:
            assert answer.status_code == 200
            async for piece in answer.aiter_raw():
                got += piece

    with pytest.raises(httpx.RemoteProtocolError):
        await listen()
    assert got == SOUND[: len(got)]


async def test_a_client_that_reads_nothing_stops_the_upstream(
    http: httpx.AsyncClient, media: MediaUpstream
) -> None:
    """Symptom elsewhere: the gateway reads on and fills its memory."""
    media.endless = True
    ask = {"model": "any", "voice": "alloy", "input": "x"}
    async with http.stream("POST", "/v1/audio/speech", json=ask) as answer:
        assert answer.status_code == 200
        taken = -1
        while media.sent > taken:  # until nobody takes any more
            taken = media.sent
            await asyncio.sleep(0.5)
        assert taken < 32 * 1024 * 1024
        pieces = answer.aiter_raw()
        for _ in range(400):
            await anext(pieces)
        await until(lambda: media.sent > taken, 60.0, "it goes on when the client does")
    await asyncio.wait_for(media.last.gone.wait(), 60)  # who leaves ends it at the upstream


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the SDK's; people use them
async def test_transcriptions_translations_edits_and_variations(
    client: openai.AsyncOpenAI, media: MediaUpstream
) -> None:
    sound = ("a.wav", b"RIFF\x00\r\n--data")
    heard = await client.audio.transcriptions.create(model="any", file=sound, language="de")
    assert heard.text == "hello"
    fields = sent_fields(media)
    assert fields == {"model": b"up-any", "file": sound[1], "language": b"de"}
    assert media.last.headers["authorization"] == f"Bearer {UPSTREAM_KEY}"
    text = await client.audio.transcriptions.create(model="any", file=sound, response_format="srt")
    assert str(text) == "hello"
    translated = await client.audio.translations.create(model="any", file=sound)
    assert translated.text == "hello"
    edited = await client.images.edit(
        model="any", image=[("a.png", b"one"), ("b.png", b"two")], prompt="merge"
    )
    assert edited.data is not None
    assert [field.name for field in form(media.last)].count("image[]") == 2
    varied = await client.images.create_variation(model="any", image=("a.png", b"one"), n=2)
    assert varied.data is not None
    assert len(varied.data) == 2


async def test_streamed_transcription_and_edit(
    client: openai.AsyncOpenAI, media: MediaUpstream
) -> None:
    media.pace_s = 0.05
    heard = await client.audio.transcriptions.create(model="any", file=b"x" * 99, stream=True)
    assert [event.type async for event in heard] == [
        "transcript.text.delta", "transcript.text.delta", "transcript.text.done"
    ]  # fmt: skip
    edited = await client.images.edit(model="any", image=b"x", prompt="p", stream=True)
    assert [event.type async for event in edited][-1] == "image_edit.completed"


async def test_a_stream_that_breaks_ends_with_an_error(
    client: openai.AsyncOpenAI, media: MediaUpstream
) -> None:
    media.break_after = 1
    stream = await client.audio.transcriptions.create(model="any", file=b"x", stream=True)
    with pytest.raises(openai.APIError) as caught:
        async for _ in stream:
            pass
    assert caught.value.code == "upstream_interrupted"


@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank", "/rerank"])
async def test_rerank_is_relayed(http: httpx.AsyncClient, media: MediaUpstream, path: str) -> None:
    ask = {"model": "ranker", "query": "q", "documents": ["a", {"text": "b"}], "top_n": 1}
    answer = await http.post(path, json=ask)
    assert answer.status_code == 200, answer.text
    assert answer.json()["results"] == [{"index": 0, "relevance_score": 1.0}]
    assert media.last.json() == {**ask, "model": "r"}


async def test_without_v1_and_with_the_model_in_the_path(
    http: httpx.AsyncClient, media: MediaUpstream
) -> None:
    files = {"file": ("a.wav", b"x")}
    for path in (
        "/audio/transcriptions",
        "/openai/deployments/any/audio/transcriptions?api-version=2024-06-01",
        "/engines/any/audio/transcriptions",
    ):
        answer = await http.post(path, files=files, data={"temperature": "0"})
        assert answer.status_code == 200, (path, answer.text)
        assert sent_fields(media)["model"] == b"up-any"


async def test_azures_own_client_is_served(media_gateway: Gateway, media: MediaUpstream) -> None:
    async with openai.AsyncAzureOpenAI(
        azure_endpoint=media_gateway.url,
        api_version="2024-10-21",
        api_key=media_gateway.key,
        max_retries=0,
    ) as client:
        assert "any" in [model.id async for model in client.models.list()]
        heard = await client.audio.transcriptions.create(model="any", file=("a.wav", b"x"))
        assert heard.text == "hello"
        drawn = await client.images.generate(model="any", prompt="p")
        assert drawn.data
        async with client.audio.speech.with_streaming_response.create(
            model="any", voice="alloy", input="x"
        ) as answer:
            assert await answer.read() == SOUND


async def test_azure_as_an_upstream(client: openai.AsyncOpenAI, media: MediaUpstream) -> None:
    with pytest.raises(openai.APIStatusError):  # the double knows no such path; we look at it
        await client.audio.transcriptions.create(model="azure-whisper", file=("a.wav", b"x"))
    assert media.last.target == (
        "/openai/deployments/my-whisper/audio/transcriptions?api-version=2024-06-01"
    )
    assert media.last.headers["api-key"] == "azure-key"
    assert "authorization" not in media.last.headers


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/rerank", {"model": "ranker", "documents": ["a"]}, "query"),
        ("/v1/rerank", {"model": "ranker", "query": "", "documents": ["a"]}, "query"),
        ("/v1/rerank", {"model": "ranker", "query": "q", "documents": []}, "documents"),
        ("/v1/rerank", {"model": "ranker", "query": "q", "documents": "a"}, "documents"),
        ("/v1/moderations", {"model": "any", "input": ""}, "input"),
        ("/v1/moderations", {"model": "any", "input": [ ]}, "input"),
        ("/v1/images/generations", {"model": "any"}, "prompt"),
        ("/v1/audio/speech", {"model": "any", "voice": "x", "input": ""}, "input"),
        ("/v1/images/generations", {"model": "ranker", "prompt": "p"}, "model"),
        ("/v1/rerank", {"model": "chatty", "query": "q", "documents": ["a"]}, "model"),
        ("/v1/moderations", {"model": "any", "input": "x", "api_base": "http://x"}, "api_base"),
    ],
)  # fmt: skip
async def test_nothing_to_do_is_the_callers_mistake(
    http: httpx.AsyncClient, media: MediaUpstream, path: str, body: dict[str, Any], param: str
) -> None:
    answer = await http.post(path, json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param
    assert media.asked == []


async def test_json_edits_are_taken_too(http: httpx.AsyncClient, media: MediaUpstream) -> None:
    ask = {"model": "any", "prompt": "p", "images": [{"image_url": "https://x.test/a.png"}]}
    answer = await http.post("/v1/images/edits", json=ask)
    assert answer.status_code == 200, answer.text
    assert media.last.json() == {**ask, "model": "up-any"}
