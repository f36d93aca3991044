"""Every verdict has an exit code of its own, and every trouble a next step."""

import argparse

import pytest

from hx_gateway.app.schema import Outcome, Verdict
from hx_gateway.cli.db import Exit, _tell, exit_code

TROUBLES = [verdict for verdict in Verdict if verdict not in {Verdict.CURRENT, Verdict.PENDING}]


def tell(outcome: Outcome, *, as_json: bool = False) -> int:
    return _tell(outcome, argparse.Namespace(json=as_json), {})


def test_exit_codes_differ_and_keep_clear_of_wrong_use() -> None:
    codes = [exit_code(verdict) for verdict in Verdict]
    assert len(set(codes)) == len(codes)
    assert set(codes) == set(Exit)
    assert 2 not in codes


@pytest.mark.parametrize("verdict", TROUBLES)
def test_a_trouble_is_told_with_its_cause_and_the_next_step(
    verdict: Verdict, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = Outcome(engine="PostgreSQL", verdict=verdict, names=("who",), reason="why")
    assert tell(outcome) == exit_code(verdict) != Exit.OK
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("PostgreSQL: ")
    assert lines[0].endswith(": why")
    assert lines[1] == "  who"
    assert lines[2].startswith("next: ")


def test_json_goes_to_standard_output_alone(capsys: pytest.CaptureFixture[str]) -> None:
    code = tell(Outcome(engine="SQLite", verdict=Verdict.NEWER), as_json=True)
    told = capsys.readouterr()
    assert code == Exit.NEWER
    assert told.out.startswith("{")
    assert told.err == ""
