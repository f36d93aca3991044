"""Shows findings to a person or a program: the cause first, then the next step, then the rest."""

from collections.abc import Sequence

import msgspec

from hx_gateway.cli.main import EXIT_FAILED, EXIT_OK
from hx_gateway.core import wire
from hx_gateway.core.check import Finding, Verdict

MARKS = {Verdict.OK: "ok", Verdict.WARN: "warn", Verdict.FAIL: "FAIL", Verdict.SKIP: "-"}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints: `ok` is what the exit code says, `cause` the first failure's name."""

    ok: bool
    cause: str | None
    findings: tuple[Finding, ...]


def report_of(findings: Sequence[Finding]) -> Report:
    """Sum findings up; they come with the cause first."""
    failed = [one.name for one in findings if one.verdict is Verdict.FAIL]
    return Report(ok=not failed, cause=next(iter(failed), None), findings=tuple(findings))


def show(findings: Sequence[Finding], *, as_json: bool) -> int:
    """Print findings; gives the exit code."""
    report = report_of(findings)
    if as_json:
        print(wire.encode(report).decode())
    else:
        for line in lines(report):
            print(line)
    return EXIT_OK if report.ok else EXIT_FAILED


def lines(report: Report) -> list[str]:
    """Write a report for a person."""
    text = []
    for finding in report.findings:
        if finding.name == report.cause:
            text += [f"Cause: {finding.name}: {finding.detail or 'does not work'}"]
            text += [f"Next:  {finding.remedy}"] if finding.remedy else []
            text += [""]
    width = max((len(finding.name) for finding in report.findings), default=0)
    for finding in report.findings:
        took = f"{finding.seconds * 1000:6.0f} ms"
        mark = MARKS[finding.verdict]
        text.append(f"{mark:<4}  {finding.name:<{width}}  {took}  {finding.detail}".rstrip())
        if finding.remedy and finding.name != report.cause:
            text.append(f"      {'':<{width}}             {finding.remedy}")
    counted = [one.verdict for one in report.findings]
    text.append(
        f"\n{counted.count(Verdict.OK)} ok, {counted.count(Verdict.WARN)} warnings, "
        f"{counted.count(Verdict.FAIL)} failed, {counted.count(Verdict.SKIP)} not configured"
    )
    return text
