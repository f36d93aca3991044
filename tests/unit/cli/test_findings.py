import msgspec
import pytest

from hx_gateway.cli.findings import lines, report_of, show
from hx_gateway.core.check import Finding, Verdict

GOOD = Finding(name="clock", verdict=Verdict.OK)
WARNED = Finding(name="port", verdict=Verdict.WARN, detail="Free.", remedy="Start one.")
BROKEN = Finding(name="database", verdict=Verdict.FAIL, detail="No.", remedy="Start it.")
ALSO = Finding(name="lists", verdict=Verdict.FAIL, detail="None.", remedy="See the database.")


def test_the_cause_and_the_next_step_come_first() -> None:
    text = lines(report_of([BROKEN, ALSO, GOOD]))
    assert text[:3] == ["Cause: database: No.", "Next:  Start it.", ""]


def test_every_finding_is_listed_once() -> None:
    text = "\n".join(lines(report_of([BROKEN, ALSO, WARNED, GOOD]))[3:])
    assert [text.count(f"  {name} ") for name in ("database", "lists", "port", "clock")] == [1] * 4


@pytest.mark.parametrize(
    ("findings", "code"),
    [([GOOD], 0), ([WARNED, GOOD], 0), ([BROKEN, GOOD], 1), ([], 0)],
)
@pytest.mark.parametrize("as_json", [True, False])
def test_the_exit_code_is_the_truth(
    findings: list[Finding], code: int, as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(findings, as_json=as_json) == code


def test_json_says_what_the_exit_code_says(capsys: pytest.CaptureFixture[str]) -> None:
    show([BROKEN, GOOD], as_json=True)
    said = msgspec.json.decode(capsys.readouterr().out)
    assert (said["ok"], said["cause"]) == (False, "database")
    assert [finding["verdict"] for finding in said["findings"]] == ["fail", "ok"]
