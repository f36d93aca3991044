from pathlib import Path

import pytest
from tests.support.configs import check

from hx_gateway.core.snapshot import Snapshot

CANARY = "canary-0123456789-abcdefghijklmnopq"
EVERY_SECRET = f"""
model_list:
- model_name: m
  litellm_params:
    model: openai/gpt-4o
    api_key: {CANARY}
    headers: {{X-Key: {CANARY}}}
    aws_secret_access_key: {CANARY}
- model_name: broken
  litellm_params: {{model: openai/x, api_base: 'http://u:{CANARY}@h', api_key: [{CANARY}], rpm: {CANARY}}}
credential_list: [{{credential_name: c, credential_values: {{api_key: {CANARY}}}}}]
general_settings: {{master_key: {CANARY}, alerting: [{CANARY}]}}
environment_variables: {{UPSTREAM: {CANARY}}}
litellm_settings: {{typo: {CANARY}, cache_params: {{type: redis, host: r, password: {CANARY}}}}}
"""
VARIABLES = {
    "LITELLM_MASTER_KEY": CANARY,
    "ADMIN_KEYS": CANARY,
    "DATABASE_URL": f"postgresql://u:{CANARY}@h/db?options={CANARY}",
    "REDIS_URL": f"redis://:{CANARY}@r",
    "QDRANT_URL": f"http://u:{CANARY}@q",
    "QDRANT_API_KEY": CANARY,
    "PORT": CANARY,
    "EMBEDDING_DIM": CANARY,
}


def snapshot(folder: Path, text: str, environ: dict[str, str] | None = None) -> Snapshot:
    made = check(folder, text, environ).snapshot
    assert made is not None
    return made


MODEL = (
    "model_list: [{model_name: m, litellm_params: {model: openai/x, api_key: one, timeout: 5}}]\n"
)


def test_every_setting_is_shown_with_its_source(tmp_path: Path) -> None:
    made = snapshot(tmp_path, MODEL + "hx: {log: {level: ERROR}}", {"PORT": "4001"})
    shown = {setting.path: (setting.value, setting.source) for setting in made.settings}
    assert shown["hx.server.port"] == ("4001", "environment PORT")
    assert shown["hx.log.level"] == ("ERROR", f"{tmp_path}/config.yaml:2")
    assert shown["hx.rag.timeout"] == ("5.0", "default")
    assert shown["hx.auth.master_key"] == ("***", "environment LITELLM_MASTER_KEY")
    assert shown["model m"] == (
        "openai/x at https://api.openai.com/v1, with a credential",
        f"{tmp_path}/config.yaml:1",
    )


@pytest.mark.parametrize("strict", [False, True])
def test_no_secret_is_shown_anywhere_whatever_is_wrong(tmp_path: Path, strict: bool) -> None:
    result = check(tmp_path, EVERY_SECRET, VARIABLES, strict=strict)
    assert len(result.problems) > 3
    everything = [*result.problems, *result.unread, *result.warnings, *map(repr, result.settings)]
    assert [line for line in everything if CANARY in line] == []


def test_no_secret_is_in_the_text_of_a_good_snapshot(tmp_path: Path) -> None:
    environ = {
        k: v for k, v in VARIABLES.items() if k not in {"QDRANT_URL", "PORT", "EMBEDDING_DIM"}
    }
    text = MODEL.replace("one", CANARY)
    assert CANARY not in repr(snapshot(tmp_path, text, environ))


@pytest.mark.parametrize(
    ("text", "environ"),
    [
        (MODEL.replace("one", "two"), {}),
        (MODEL.replace("openai/x", "openai/y"), {}),
        (MODEL.replace("timeout: 5", "timeout: 6"), {}),
        (MODEL.replace("model_name: m", "model_name: n"), {}),
        (MODEL + "router_settings: {model_group_alias: {a: m}}", {}),
        (MODEL + "router_settings: {default_fallbacks: [local/all-MiniLM-L6-v2-int8]}", {}),
        (MODEL, {"EMBEDDING_DIM": "3"}),
        (MODEL, {"DATABASE_URL": "postgresql://h/db"}),
    ],
)
def test_the_digest_tells_any_change(tmp_path: Path, text: str, environ: dict[str, str]) -> None:
    before = snapshot(tmp_path, MODEL)
    assert snapshot(tmp_path, text, environ).digest != before.digest
    assert snapshot(tmp_path, "# a comment changes nothing\n" + MODEL).digest == before.digest
    assert len(before.digest) == 16
