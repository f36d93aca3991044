"""What one event of a stream costs to read and write again, without any network.

`python bench/translate.py` prints microseconds of CPU per event: passing it on unchanged, reading
it, and writing it in another client's format. Run it alone; it takes the best of seven runs.
"""

import gc
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

from hx_gateway.core import wire
from hx_gateway.core.call import Call, Operation
from hx_gateway.core.provider import WayOut
from hx_gateway.dialects import anthropic_messages, ollama_chat, openai_chat, openai_responses
from hx_gateway.dialects.registry import WAYS_IN
from hx_gateway.pipeline.reply import Translation

EVENTS = 4000
WORDS = (" hello", " world,", " this", " is", " a", " delta", ' with \\"quotes\\"', " and", " é.")
CLIENTS = ("openai_chat", "anthropic_messages", "openai_responses")
_CHAT = (
    b'data: {"id":"chatcmpl-abc123","object":"chat.completion.chunk","created":1735700000,'
    b'"model":"a-model-2026-01-01","service_tier":"default","system_fingerprint":"fp_1",'
    b'"choices":[{"index":0,"delta":%b,"logprobs":null,"finish_reason":%b}],"usage":null}\n\n'
)
_MESSAGES = (
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%b"}}\n\n'
)
_MESSAGES_START = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message",'
    b'"role":"assistant","model":"m","content":[],"usage":{"input_tokens":3,"output_tokens":1}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    b'"content_block":{"type":"text","text":""}}\n\n'
)
_MESSAGES_END = (
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},'
    b'"usage":{"output_tokens":15}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n'
)
_RESPONSES = (
    b"event: response.output_text.delta\n"
    b'data: {"type":"response.output_text.delta","sequence_number":%d,"item_id":"msg_67",'
    b'"output_index":0,"content_index":0,"delta":"%b","logprobs":[]}\n\n'
)
_RESPONSE = b'"response":{"id":"resp_1","model":"m","status":"%b","output":[]}}\n\n'
_OLLAMA = (
    b'{"model":"m","created_at":"2026-01-01T00:00:00.%06dZ",'
    b'"message":{"role":"assistant","content":"%b"},"done":false}\n'
)
_OLLAMA_END = (
    b'{"model":"m","created_at":"2026-01-01T00:00:00Z","message":{"content":""},"done":true,'
    b'"done_reason":"stop","prompt_eval_count":1,"eval_count":2}\n'
)


class Passage(Protocol):
    """A stream on its way through."""

    def feed(self, data: bytes) -> object:
        """Take bytes."""
        ...

    def end(self) -> object:
        """Take the end."""
        ...


def words() -> list[bytes]:
    """Give the text of every event, as it stands in JSON."""
    return [WORDS[number % len(WORDS)].encode() for number in range(EVENTS)]


def streams() -> list[tuple[WayOut, list[bytes]]]:
    """Give a stream of every format that upstreams speak."""
    chat = [_CHAT % (b'{"content":"%b"}' % word, b"null") for word in words()]
    messages = [_MESSAGES % word for word in words()]
    responses = [_RESPONSES % (number, word) for number, word in enumerate(words())]
    ollama = [_OLLAMA % (number, word) for number, word in enumerate(words())]
    begin = b'data: {"type":"response.created",' + _RESPONSE % b"in_progress"
    end = b'data: {"type":"response.completed",' + _RESPONSE % b"completed"
    return [
        (openai_chat.WAY_OUT, [*chat, _CHAT % (b"{}", b'"stop"'), b"data: [DONE]\n\n"]),
        (anthropic_messages.WAY_OUT, [_MESSAGES_START, *messages, _MESSAGES_END]),
        (openai_responses.WAY_OUT, [begin, *responses, end]),
        (ollama_chat.WAY_OUT, [*ollama, _OLLAMA_END]),
    ]


def asked(dialect: str) -> Call:
    """One call in a client's format."""
    return Call(
        id="bench",
        operation=Operation.CHAT,
        dialect=dialect,
        model="m",
        fields=wire.decode_fields(b'{"model":"m"}'),
        stream=True,
        wants_usage=True,
        created=1,
    )


def cost_us(make: Callable[[], Passage], events: list[bytes]) -> float:
    """Measure CPU microseconds per event."""
    best = float("inf")
    for _ in range(7):
        passage = make()
        gc.disable()
        began = time.process_time()
        for event in events:
            passage.feed(event)
        passage.end()
        best = min(best, time.process_time() - began)
        gc.enable()
    return best / len(events) * 1e6


def translation(out: WayOut, dialect: str) -> Translation:
    """Start to translate a stream."""
    return Translation(out.decoder(), WAYS_IN[dialect].writer(asked(dialect)))


def main() -> None:
    """Print a table."""
    for out, events in streams():
        row = [f"{out.name:20} relay {cost_us(partial(out.relay, wants_usage=True), events):5.2f}"]
        row.append(f"read {cost_us(out.decoder, events):5.2f}")
        for dialect in CLIENTS:
            if dialect != out.name:
                translated = cost_us(partial(translation, out, dialect), events)
                row.append(f"{dialect} {translated:5.2f}")
        sys.stdout.write("  ".join(row) + "\n")


if __name__ == "__main__":
    main()
