"""Run the checks side by side, never for long, and put the cause first."""

import asyncio
import logging
from collections.abc import Sequence

import msgspec

from hx_gateway.core.check import Check, Finding, Verdict
from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import GatewayError
from hx_gateway.core.tasks import spawn

KEEP_S = 1.0
LIMIT_S = 4.5  # all together: who asks about health waits five seconds at most

_log = logging.getLogger(__name__)
_ORDER = (Verdict.FAIL, Verdict.WARN, Verdict.OK, Verdict.SKIP)


class Checkup:
    """What the checks found last, at most a second old. Everybody who asks shares one run."""

    def __init__(
        self,
        checks: Sequence[Check],
        clock: Clock,
        *,
        keep_s: float = KEEP_S,
        limit_s: float = LIMIT_S,
    ) -> None:
        """`keep_s`: how long findings are served; `limit_s`: how long a run may take."""
        self._checks = tuple(checks)
        self._clock = clock
        self._keep_s = keep_s
        self._limit_s = limit_s
        self._found: tuple[Finding, ...] = ()
        self._found_at: float | None = None
        self._run: asyncio.Task[None] | None = None
        self.is_draining = False

    async def findings(self) -> tuple[Finding, ...]:
        """Give what the checks find, failures first, the likely cause before what follows of it."""
        if self._found_at is None or self._clock.monotonic() - self._found_at >= self._keep_s:
            if self._run is None or self._run.done():
                self._run = spawn(self._run_all(), name="checkup")
            await asyncio.shield(self._run)  # a client that leaves stops nobody else's checkup
        return self._found

    def missing(self) -> list[str]:
        """Name what failed in the last run; empty before the first."""
        return [found.name for found in self._found if found.verdict is Verdict.FAIL]

    def drain(self) -> None:
        """From now on, say that the gateway is not ready: it is about to stop."""
        self.is_draining = True

    async def _run_all(self) -> None:
        tasks = [spawn(self._run_one(check), name=f"check {check.name}") for check in self._checks]
        if tasks:
            await asyncio.wait(tasks, timeout=self._limit_s)
        found = [_outcome(check, task) for check, task in zip(self._checks, tasks, strict=True)]
        self._found = tuple(in_order(self._checks, found))
        self._found_at = self._clock.monotonic()

    async def _run_one(self, check: Check) -> Finding:
        began = self._clock.monotonic()
        try:
            async with asyncio.timeout(check.deadline_s):
                found = await check.run()
        except TimeoutError:
            found = _failed(check, "It did not answer in time.")
        except GatewayError as error:
            found = _failed(check, error.message)
        return msgspec.structs.replace(found, seconds=self._clock.monotonic() - began)


def in_order(checks: Sequence[Check], found: Sequence[Finding]) -> list[Finding]:
    """Put failures first, among them causes first, and say of consequences what they wait for."""
    failed = {finding.name for finding in found if finding.verdict is Verdict.FAIL}
    ranked = []
    for check, finding in zip(checks, found, strict=True):
        causes = [name for name in check.needs if name in failed]
        if finding.verdict is Verdict.FAIL and causes:
            finding = msgspec.structs.replace(  # noqa: PLW2901 - the same finding, better told
                finding, remedy=f"Needs: {', '.join(causes)}. See there first."
            )
        ranked.append(((_ORDER.index(finding.verdict), bool(causes), check.rank), finding))
    return [finding for _, finding in sorted(ranked, key=lambda pair: pair[0])]


def _outcome(check: Check, task: "asyncio.Task[Finding]") -> Finding:
    if not task.done():
        task.cancel()  # not awaited: it may be the kind that does not listen
        return _failed(check, "It did not answer in time.")
    if task.cancelled() or task.exception() is not None:
        return _failed(check, "The check itself failed; the log says how.")
    return task.result()


def _failed(check: Check, detail: str) -> Finding:
    """Count as blocking: what nobody could look at may be anything."""
    return Finding(name=check.name, verdict=Verdict.FAIL, detail=detail, blocks=True)
