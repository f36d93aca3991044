"""What a node says, as its documentation and source have it."""

import msgspec
import pytest

from hx_gateway.core.errors import Garbled, Rejected
from hx_gateway.core.node import Installed, Progress, Resident, Shown
from hx_gateway.core.wire import raw
from hx_gateway.dialects.ollama_node import WIRE

TAGS = b"""{"models":[{"name":"deepseek-r1:latest","model":"deepseek-r1:latest",
"modified_at":"2025-05-10T08:06:48.639712648-07:00","size":4683075271,"digest":"0a8c2669",
"details":{"parent_model":"","format":"gguf","family":"qwen2","families":["qwen2"],
"parameter_size":"7.6B","quantization_level":"Q4_K_M"}},
{"name":"all-minilm:latest","size":1,"digest":"1","capabilities":["embedding"]},
{"name":"new:latest","size":1,"digest":"2","capabilities":["completion","tools"]}]}"""
PS = b"""{"models":[{"name":"mistral:latest","model":"mistral:latest","size":5137025024,
"digest":"2ae6f6dd","details":{"family":"llama"},"expires_at":"2024-06-04T14:38:31.83753-07:00",
"size_vram":5137025024,"context_length":8192}, {"name":"old:7b","size":1,"size_vram":0}]}"""
SHOW = b"""{"license":"x","modelfile":"FROM x","parameters":"num_ctx                        16384\\nstop                           \\"<|eot|>\\"","details":{"family":"llama"},"capabilities":["completion"],
"model_info":{"general.architecture":"llama","llama.context_length":131072,
"llama.embedding_length":4096}}"""


def test_lists_are_read() -> None:
    assert WIRE.read_version(b'{"version":"0.12.6"}') == "0.12.6"
    assert WIRE.read_installed(TAGS) == (
        Installed(name="deepseek-r1:latest", digest="0a8c2669", size=4683075271),
        Installed(name="all-minilm:latest", digest="1", size=1, embeds_only=True),
        Installed(name="new:latest", digest="2", size=1, embeds_only=False),
    )
    assert WIRE.read_resident(PS) == (
        Resident(
            name="mistral:latest",
            context=8192,
            size=5137025024,
            vram=5137025024,
            expires_at="2024-06-04T14:38:31.83753-07:00",
        ),
        Resident(name="old:7b", size=1),
    )
    assert WIRE.read_resident(b'{"models":null}') == ()


def test_a_model_says_its_window_and_what_it_was_trained_for() -> None:
    assert WIRE.read_shown(SHOW) == Shown(context=16384, trained=131072, embeds_only=False)
    assert WIRE.read_shown(b"{}") == Shown()


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"models":[{}]}', b'{"models":3}'])
def test_what_is_no_answer_is_garbled(body: bytes) -> None:
    for read in (WIRE.read_installed, WIRE.read_resident, WIRE.read_version):
        with pytest.raises(Garbled):
            read(body)


def test_what_is_null_is_not_known() -> None:
    nulls = b'{"models":[{"name":"m","digest":null,"size":null,"context_length":null}]}'
    assert WIRE.read_resident(nulls) == (Resident(name="m:latest"),)
    assert WIRE.read_installed(nulls) == (Installed(name="m:latest", digest=""),)


@pytest.mark.parametrize("version", [b"<b>\\n", b"x" * 65])
def test_a_version_stands_on_a_line_of_people(version: bytes) -> None:
    with pytest.raises(Garbled):
        WIRE.read_version(b'{"version":"' + version + b'"}')


def test_a_download_reports_bytes_and_fails_with_its_own_words() -> None:
    line = b'{"status":"pulling 6a0","digest":"sha256:6a0","total":100,"completed":25}'
    progress = Progress(status="pulling 6a0", digest="sha256:6a0", total=100, completed=25)
    assert WIRE.read_progress(line) == progress
    with pytest.raises(Rejected, match="file does not exist"):
        WIRE.read_progress(b'{"error":"pull model manifest: file does not exist"}')
    assert WIRE.complaint(b'{"error":"model not found"}') == "model not found"
    assert WIRE.complaint(b"<html>") is None


def test_loading_and_dropping_generate_nothing() -> None:
    for request, path, body in (
        (WIRE.warm("m", embeds_only=False), "/api/generate", {"model": "m", "stream": False}),
        (WIRE.warm("m", embeds_only=True), "/api/embed", {"model": "m"}),
        (
            WIRE.unload("m"),
            "/api/generate",
            {"model": "m", "keep_alive": 0, "stream": False},
        ),
        (WIRE.pull("m"), "/api/pull", {"model": "m", "stream": True}),
        (WIRE.show("m"), "/api/show", {"model": "m"}),
    ):
        assert (request.method, request.path) == ("POST", path)
        assert msgspec.json.decode(request.body) == body
    for asked in (WIRE.ask_version(), WIRE.ask_installed(), WIRE.ask_resident()):
        assert asked.method == "GET"


@pytest.mark.parametrize(
    ("model", "full", "short"),
    [
        ("m", "m:latest", "m"),
        ("m:7b", "m:7b", "m:7b"),
        ("host:5000/lib/m", "host:5000/lib/m:latest", "host:5000/lib/m"),
    ],
)
def test_a_name_without_a_tag_means_latest(model: str, full: str, short: str) -> None:
    assert WIRE.full_name(model) == full
    assert WIRE.short_name(full) == short


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({}, None),
        ({"num_ctx": raw(8192)}, 8192),
        ({"options": raw({"num_ctx": 100})}, 100),
        ({"num_ctx": raw("many")}, None),
        ({"options": raw([])}, None),
    ],
)
def test_the_window_a_request_asks_for(fields: dict[str, msgspec.Raw], tokens: int | None) -> None:
    assert WIRE.wanted_context(fields) == tokens
