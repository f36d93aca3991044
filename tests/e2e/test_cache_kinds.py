"""Which answers are kept, by the kind of question and by the mode: real processes, real SDKs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from tests.e2e.conftest import UPSTREAM_KEY, simple_config
from tests.support.cached import asking, post
from tests.support.media_upstream import MediaUpstream, sent_fields
from tests.support.served import Gateway
from tests.support.served import running as serving
from tests.support.upstream import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")
SOUND = b"RIFF" + bytes(range(256)) * 8192  # two megabytes: more than is held in memory


@asynccontextmanager
async def running(folder: Path, config: dict[str, Any], **params: object) -> AsyncIterator[Gateway]:
    settings = {"cache": True, "cache_params": {"type": "local", **params}}
    async with serving(folder / "s", config={**config, "litellm_settings": settings}) as served:
        yield served


def hearing(media: MediaUpstream) -> dict[str, Any]:
    """A configuration with two models that write down what they hear."""
    place = {"api_base": media.base_url, "api_key": UPSTREAM_KEY}
    models = [
        {"model_name": name, "litellm_params": {"model": f"openai/up-{name}", **place}}
        for name in ("ear", "other")
    ]
    return {"model_list": models}


async def heard(served: Gateway, sound: bytes = SOUND, **fields: Any) -> httpx.Response:
    headers = fields.pop("headers", {})
    async with httpx.AsyncClient(timeout=60) as http:
        return await http.post(
            f"{served.url}/v1/audio/transcriptions",
            headers={"authorization": f"Bearer {served.key}", **headers},
            data={"model": "ear", **fields},
            files={"file": ("talk.wav", sound, "audio/wav")},
        )


def is_hit(answer: httpx.Response) -> bool:
    assert answer.status_code == 200, answer.text
    return bool(answer.headers.get("x-litellm-cache-hit") == "True")


async def test_a_recording_is_written_down_once(tmp_path: Path, media: MediaUpstream) -> None:
    async with running(tmp_path, hearing(media)) as served:
        async with openai.AsyncOpenAI(
            base_url=f"{served.url}/v1", api_key=served.key, max_retries=0, timeout=60
        ) as client:
            texts = [
                (
                    await client.audio.transcriptions.create(
                        model="ear", file=("talk.wav", SOUND, "audio/wav"), language="en"
                    )
                ).text
                for _ in range(3)
            ]
        assert texts == ["hello"] * 3
        assert len(media.asked) == 1
        assert sent_fields(media)["file"] == SOUND
        assert sent_fields(media)["model"] == b"up-ear"
        assert is_hit(await heard(served, language="en"))  # written by another client
        for changed in (
            {"sound": SOUND[:-1] + b"?", "language": "en"},
            {"language": "fr"},
            {},
            {"model": "other", "language": "en"},
        ):
            assert not is_hit(await heard(served, **changed))
            assert is_hit(await heard(served, **changed))


async def test_subtitles_come_back_as_subtitles(tmp_path: Path, media: MediaUpstream) -> None:
    async with running(tmp_path, hearing(media)) as served:
        fresh = await heard(served, response_format="srt")
        kept = await heard(served, response_format="srt")
        assert (is_hit(fresh), is_hit(kept)) == (False, True)
        assert kept.content == fresh.content
        assert kept.headers["content-type"] == fresh.headers["content-type"]
        assert kept.headers["content-type"].startswith("text/plain")


async def test_a_stream_of_what_is_heard_is_not_kept(tmp_path: Path, media: MediaUpstream) -> None:
    async with running(tmp_path, hearing(media)) as served:
        for _ in range(2):
            answer = await heard(served, stream="true")
            assert not is_hit(answer)
            assert "transcript.text.done" in answer.text
    assert len(media.asked) == 2


async def test_a_recording_obeys_the_controls(tmp_path: Path, media: MediaUpstream) -> None:
    async with running(tmp_path, hearing(media)) as served:
        assert not is_hit(await heard(served, headers={"cache-control": "no-store"}))
        assert not is_hit(await heard(served))
        assert is_hit(await heard(served, headers={"cache-control": "s-maxage=600"}))
        assert not is_hit(await heard(served, headers={"cache-control": "no-cache"}))
        media.fail_with = 400
        assert (await heard(served, b"RIFF broken")).status_code == 400
        media.fail_with = None
        assert not is_hit(await heard(served, b"RIFF broken"))


async def test_recordings_pass_as_they_arrive_where_they_are_not_kept(
    tmp_path: Path, media: MediaUpstream
) -> None:
    async with running(tmp_path, hearing(media), supported_call_types=["acompletion"]) as served:
        for _ in range(2):
            assert not is_hit(await heard(served))
        assert "content-length" not in media.last.headers  # it was not waited for
    async with running(tmp_path, hearing(media), supported_call_types=["atranscription"]) as served:
        assert not is_hit(await heard(served))
        assert is_hit(await heard(served))


async def test_default_off_keeps_only_what_asks_for_it(tmp_path: Path, upstream: Upstream) -> None:
    async with running(tmp_path, simple_config(upstream), mode="default_off") as served:

        async def asked(cache: dict[str, Any] | None = None) -> int:
            before = len(upstream.asked)
            body = asking("off", **({} if cache is None else {"cache": cache}))
            assert (await post(served, body)).status == 200
            return len(upstream.asked) - before

        assert [await asked() for _ in range(2)] == [1, 1]
        assert [await asked({"use-cache": True}) for _ in range(2)] == [1, 0]
        assert [await asked({"ttl": 60}), await asked()] == [1, 1]
        told = (await served.ask("/cache/settings")).json()
        assert told["current_values"]["mode"] == "default_off"
