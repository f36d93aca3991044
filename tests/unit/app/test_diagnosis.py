from pathlib import Path

import pytest
from tests.support.clock import FakeClock
from tests.support.deployments import deployment, route

from hx_gateway.app.diagnosis import (
    FEWEST_FILES,
    RELEASED_AT,
    judge_clock,
    judge_configuration,
    judge_embedding,
    judge_local,
    judge_master_key,
    judge_models,
    judge_open_files,
    judge_state_dir,
)
from hx_gateway.config.embedded import Found
from hx_gateway.config.load import Result
from hx_gateway.core.check import Verdict
from hx_gateway.core.secret import Secret
from hx_gateway.core.snapshot import AuthSettings, LocalSettings, RagSettings, Snapshot


def result(problems: tuple[str, ...] = (), warnings: tuple[str, ...] = ()) -> Result:
    return Result(
        snapshot=None, problems=problems, unread=(), warnings=warnings, settings=(), sources=()
    )


@pytest.mark.parametrize(
    ("read", "verdict"),
    [
        (result(), Verdict.OK),
        (result(warnings=("careful",)), Verdict.WARN),
        (result(problems=("config.yaml:3 no", "config.yaml:7 no"), warnings=("x",)), Verdict.FAIL),
    ],
)
def test_a_configuration_is_judged_by_its_worst(read: Result, verdict: Verdict) -> None:
    finding = judge_configuration(read)
    assert finding.verdict is verdict
    assert all(problem in finding.detail for problem in read.problems)


@pytest.mark.parametrize(
    ("auth", "verdict"),
    [
        (AuthSettings(master_key=Secret("sk-canary")), Verdict.OK),
        (AuthSettings(), Verdict.OK),
        (AuthSettings(dev=True), Verdict.WARN),
    ],
)
def test_the_master_key_is_judged_and_never_shown(auth: AuthSettings, verdict: Verdict) -> None:
    finding = judge_master_key(auth)
    assert finding.verdict is verdict
    assert "canary" not in str(finding)


ALL = LocalSettings(chat=True, embedding=True, vectors=True)
NO_CHAT = Found(chat=False, embedding=True, vectors=True)


@pytest.mark.parametrize(
    ("wanted", "have", "verdict"),
    [
        (ALL, Found(chat=True, embedding=True, vectors=True), Verdict.OK),
        (ALL, NO_CHAT, Verdict.FAIL),
        (LocalSettings(vectors=True), NO_CHAT, Verdict.OK),
        (LocalSettings(), Found(), Verdict.SKIP),
    ],
)
def test_only_wanted_parts_must_be_installed(
    wanted: LocalSettings, have: Found, verdict: Verdict
) -> None:
    assert judge_local((wanted, have)).verdict is verdict


@pytest.mark.parametrize(
    ("rag", "verdict"),
    [
        (RagSettings(embedding_model="embed"), Verdict.OK),
        (RagSettings(), Verdict.WARN),
        (RagSettings(enabled=False), Verdict.SKIP),
    ],
)
def test_document_search_wants_an_embedding_model(rag: RagSettings, verdict: Verdict) -> None:
    assert judge_embedding(rag).verdict is verdict


def test_a_gateway_without_models_has_nothing_to_do() -> None:
    nothing = Snapshot(state_dir=Path("unused"), routes={})
    assert judge_models(nothing).verdict is Verdict.FAIL
    one = Snapshot(state_dir=Path("unused"), routes={"a": route("a", deployment("a"))})
    assert judge_models(one).verdict is Verdict.OK


@pytest.mark.parametrize(("now", "verdict"), [(RELEASED_AT + 1, Verdict.OK), (0.0, Verdict.FAIL)])
def test_a_clock_before_this_release_is_wrong(now: float, verdict: Verdict) -> None:
    assert judge_clock(FakeClock(now)).verdict is verdict


@pytest.mark.parametrize(
    ("limit", "verdict"), [(FEWEST_FILES, Verdict.OK), (FEWEST_FILES - 1, Verdict.WARN)]
)
def test_too_few_open_files_are_a_warning(limit: int, verdict: Verdict) -> None:
    assert judge_open_files(limit).verdict is verdict


@pytest.mark.parametrize(
    ("free_mib", "verdict"), [(10_000, Verdict.OK), (100, Verdict.WARN), (0, Verdict.FAIL)]
)
def test_a_full_disk_is_seen(tmp_path: Path, free_mib: int, verdict: Verdict) -> None:
    """All was well by `doctor`, and nothing could be written."""
    found = judge_state_dir(tmp_path, lambda _: free_mib * 2**20)
    assert found.verdict is verdict
    if verdict is not Verdict.OK:
        assert f"{free_mib} MiB" in found.detail
        assert str(tmp_path) in found.remedy
