"""The routes beside text: which there are, and what they take."""

from pathlib import Path
from typing import cast

import pytest
from tests.support.keystore import SwitchedStore
from tests.support.web import Browser

from hx_gateway.core.clock import SystemClock
from hx_gateway.core.snapshot import ServerSettings
from hx_gateway.pipeline.handle import Pipeline
from hx_gateway.web.endpoint import Endpoint
from hx_gateway.web.media import endpoints
from hx_gateway.web.spool import SpoolRoom


def made() -> tuple[Endpoint, ...]:
    nobody = cast("Pipeline", None)  # what is refused is refused before anybody is asked
    return endpoints(nobody, ServerSettings(max_upload=123), SystemClock(), SpoolRoom(Path()))


@pytest.mark.parametrize(
    "tail",
    ["moderations", "images/generations", "images/edits", "images/variations", "audio/speech",
     "audio/transcriptions", "audio/translations"],
)  # fmt: skip
def test_each_operation_is_there_with_and_without_v1_and_as_azure_asks(tail: str) -> None:
    paths = {endpoint.path for endpoint in made()}
    assert {
        f"/v1/{tail}", f"/{tail}", f"/openai/deployments/{{model:path}}/{tail}",
        f"/engines/{{model:path}}/{tail}",
    } <= paths  # fmt: skip


def test_uploads_are_streamed_and_bounded() -> None:
    streamed = {endpoint.path for endpoint in made() if endpoint.streamed}
    assert {"/v1/audio/transcriptions", "/images/edits"} <= streamed
    assert "/v1/audio/speech" not in streamed
    assert {endpoint.max_body for endpoint in made() if endpoint.streamed} == {123}


async def test_another_type_of_body_is_refused() -> None:
    browser = Browser(SwitchedStore()).open(made())
    answer = await browser.post("/v1/audio/transcriptions", {"model": "m"})
    assert (answer.status, answer.error["code"]) == (415, "unsupported_media_type")
