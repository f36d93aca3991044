import pytest

from hx_gateway.core.errors import Interrupted
from hx_gateway.core.usage import Usage
from hx_gateway.dialects.ndjson import WholeLines
from hx_gateway.dialects.ollama_chat.decode import ChatDecoder
from hx_gateway.dialects.watch import WatchedRelay


def test_bytes_pass_while_the_decoder_looks_on() -> None:
    relay = WatchedRelay(ChatDecoder(), WholeLines().feed)
    line = b'{"message":{"content":"a"},"done":true,"eval_count":2}\n'
    assert relay.feed(line) == line
    assert (relay.complete, relay.usage) == (True, Usage(output=2))


def test_an_early_end_is_an_interruption() -> None:
    relay = WatchedRelay(ChatDecoder(), WholeLines().feed)
    relay.feed(b'{"message":{"content":"a"}}\n')
    with pytest.raises(Interrupted):
        relay.end()
