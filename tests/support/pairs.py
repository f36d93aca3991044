"""Ways in and ways out that are tried against each other, and the models that lead there."""

from typing import Any

import msgspec


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """A way in and a way out. `first`: the upstream's event at which the client gets bytes."""

    way_in: str
    way_out: str
    model: str
    first: int

    def __str__(self) -> str:
        return f"{self.way_in}-{self.way_out}"


PAIRS = [
    Pair(way_in="openai_chat", way_out="openai_chat", model="openai", first=1),
    Pair(way_in="anthropic_messages", way_out="anthropic_messages", model="anthropic", first=1),
    Pair(way_in="openai_responses", way_out="openai_responses", model="responses", first=1),
    Pair(way_in="openai_chat", way_out="ollama_chat", model="ollama", first=1),
    Pair(way_in="anthropic_messages", way_out="openai_chat", model="openai", first=2),
    Pair(way_in="openai_chat", way_out="anthropic_messages", model="anthropic", first=4),
    Pair(way_in="openai_responses", way_out="openai_chat", model="openai", first=2),
]
TEXTS = {
    "openai_chat": 'Grüß "Gott" "error" [DONE] 👋\n\n',
    "anthropic_messages": 'Grüß "Gott" "message_stop" 👋\n\n',
    "openai_responses": 'Grüß "Gott" "response" 👋\n\n',
    "ollama_chat": "Grüß Gott\n",
}


HASTY = "-hasty"
HELPED = "-with-help"


def config(
    port: int, timeout_s: float = 1.0, patience_s: float = 60.0, **more: Any
) -> dict[str, Any]:
    """One model for each dialect, and the same with somebody else to ask.

    Those with `HASTY` in their names give up after `timeout_s` of silence, the others after
    `patience_s`: what is not about silence must not depend on the speed of the machine.
    """
    url = f"http://127.0.0.1:{port}"
    kinds = {
        "openai": {"model": "openai/m", "api_base": f"{url}/v1"},
        "responses": {"model": "openai/m", "api_base": f"{url}/v1"},
        "anthropic": {"model": "anthropic/m", "api_base": url},
        "ollama": {"model": "ollama/m", "api_base": url},
    }
    models = [
        {
            "model_name": name,
            "litellm_params": {
                **params,
                "api_key": "sk-up",
                "timeout": timeout_s if HASTY in name else patience_s,
                "stream_timeout": patience_s,
            },
            # An address that is not the vendor's own is not asked in this format unless told.
            "model_info": {
                "mode": "responses" if kind == "responses" else "chat",
                # A node of one's own otherwise gets one call at a time until more is learned.
                **({"num_parallel": 1000} if kind == "ollama" else {}),
            },
        }
        for kind, params in kinds.items()
        for name in (kind, kind + HELPED, kind + HASTY, kind + HELPED + HASTY)
    ]
    models.append(
        {"model_name": "help", "litellm_params": {"model": "openai/h", "mock_response": "help"}}
    )
    return {
        # The double answers as many calls at once as come.
        "hx": {"fleet": {"parallel": 100}, **more},
        "model_list": models,
        "litellm_settings": {"num_retries": 0},
        "router_settings": {
            "disable_cooldowns": True,
            "fallbacks": [
                {name: ["help"]}
                for kind in kinds
                for name in (kind + HELPED, kind + HELPED + HASTY)
            ],
        },
    }
