"""The chat request of all measurements, about 1.5 KB, and the script that makes wrk send it."""

import json
from pathlib import Path

PACE_S = 0.020  # between the events of a paced stream
PARAGRAPH = (
    "The gateway receives a chat request, checks the key, finds the route, sends it to an upstream "
    "and relays the answer, and none of this should cost more than a few dozen microseconds. "
)


def body_of(model: str, *, stream: bool) -> bytes:
    """The JSON body for a model."""
    body = {
        "model": model,
        "messages": [
            {"role": "system", "content": "You are a concise assistant. " + PARAGRAPH},
            {"role": "user", "content": PARAGRAPH * 5},
        ],
        "temperature": 0.2,
        "max_tokens": 128,
    }
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return json.dumps(body, separators=(",", ":")).encode()  # as the openai SDK writes it


def write_wrk_script(path: Path, model: str, key: str) -> None:
    """A Lua file for wrk: POST the body with a key; count answers that are not 200."""
    text = body_of(model, stream=False).decode().replace("\\", "\\\\").replace("'", "\\'")
    path.write_text(
        f"wrk.method = 'POST'\nwrk.body = '{text}'\n"
        "wrk.headers['Content-Type'] = 'application/json'\n"
        f"wrk.headers['Authorization'] = 'Bearer {key}'\n",
        encoding="utf-8",
    )
