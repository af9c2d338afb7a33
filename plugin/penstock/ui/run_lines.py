"""A run's lines as dbt prints them, and the summary at the end."""

from __future__ import annotations

from penstock.app.build import Report
from penstock.app.planning import Planned
from penstock.assets.asset import Asset, Kind
from penstock.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE
from penstock.plan.reasons import Decision
from penstock.runner.outcomes import Outcome, Status
from penstock.ui.console import Console
from penstock.ui.names import describe

WIDTH = 80
_VERBS = {Status.SUCCESS: "OK created", Status.ERROR: "ERROR creating", Status.CANCELLED: "CANCELLED", Status.SKIPPED: "SKIP"}
_TEST_WORDS = {
    Status.PASS: "PASS", Status.INSUFFICIENT: "NOT YET", Status.WARN: "WARN", Status.FAIL: "FAIL", Status.ERROR: "ERROR",
    Status.SUCCESS: "PASS",
}  # fmt: skip
_STYLES = {
    Status.SUCCESS: "green", Status.PASS: "green", Status.INSUFFICIENT: "dim", Status.WARN: "yellow", Status.FAIL: "red",
    Status.ERROR: "red", Status.SKIPPED: "yellow", Status.CANCELLED: "yellow", Status.REUSED: "dim",
}  # fmt: skip


class RunLines:
    """The console as a sink of a run."""

    def __init__(self, console: Console, planned: Planned) -> None:
        self._console = console
        self._reused = planned.plan.count(Decision.REUSE)

    def started(self, number: int, total: int, asset: Asset, executor: str) -> None:
        """Say that an asset begins; only in debug, since most end within milliseconds."""
        if self._console.debug:
            self._console.line(dotted(f"{number} of {total} START {describe(asset)} ({executor})", "RUN"))

    def finished(self, number: int, total: int, outcome: Outcome) -> None:
        """Say how an asset ended."""
        left, right = _both_sides(outcome)
        values = {
            "asset": outcome.asset.key, "status": outcome.status.value, "executor": outcome.executor, "seconds": outcome.seconds,
            "rows": outcome.rows, "failures": outcome.failures, "message": outcome.message,
        }  # fmt: skip
        self._console.event("asset_finished", values, dotted(f"{number} of {total} {left}", right), _STYLES[outcome.status])
        if outcome.undeclared:
            place = outcome.asset.ingest.path if outcome.asset.ingest else outcome.asset.path
            self._console.warning(f"{place}: reads {', '.join(outcome.undeclared)} without ref() or source(): an undeclared dependency")


def dotted(left: str, right: str) -> str:
    """Fill the space between both sides with dots, as dbt does (at least three)."""
    return f"{left} {'.' * max(3, WIDTH - len(left) - 2)} [{right}]"


def _both_sides(outcome: Outcome) -> tuple[str, str]:
    asset = outcome.asset
    took = f" in {outcome.seconds:.2f}s"
    if outcome.status is Status.SKIPPED:
        return f"SKIP {describe(asset)}", "SKIP"
    if outcome.status is Status.REUSED:
        return f"REUSED {describe(asset)}", outcome.message
    if outcome.status is Status.CANCELLED:
        return f"CANCELLED {describe(asset)}", "CANCELLED"
    if asset.is_test:
        word = _TEST_WORDS[outcome.status]
        count = f" {outcome.failures}" if outcome.status in (Status.FAIL, Status.WARN) and outcome.failures else ""
        return f"{word} {describe(asset)}" if asset.check else f"{word} {asset.name}", f"{word}{count}{took}"
    verb = _VERBS[outcome.status]
    if asset.kind is Kind.SEED:
        verb = "OK loaded" if outcome.status is Status.SUCCESS else "ERROR loading"
    if asset.kind is Kind.SNAPSHOT:
        verb = "OK snapshotted" if outcome.status is Status.SUCCESS else "ERROR snapshotting"
    word = outcome.message if outcome.status is Status.SUCCESS and "\n" not in outcome.message else outcome.status.name
    return f"{verb} {describe(asset)}", f"{word}{took}"


def show_report(console: Console, report: Report, samples: int = 3) -> None:
    """Show every failure with its message and some rows, then dbt's line of counts."""
    failures = [outcome for outcome in report.outcomes if outcome.status in (Status.ERROR, Status.FAIL)]
    warnings = [outcome for outcome in report.outcomes if outcome.status is Status.WARN]
    for outcome in (*warnings, *failures):
        word = {Status.WARN: "Warning", Status.FAIL: "Failure"}.get(outcome.status, "Error")
        place = outcome.asset.ingest.path if outcome.asset.ingest else outcome.asset.path
        console.line("")
        console.line(f"{word} in {outcome.asset.kind.value} {outcome.asset.name} ({place})", _STYLES[outcome.status])
        for line in (*outcome.message.splitlines(), *outcome.samples[:samples]):
            console.line(f"  {line}")
    for row in report.planned.plan.with_decision(Decision.BLOCKED):
        console.line("")
        console.line(f"Blocked: {row.asset} ({row.reason.value})", "red")
        for line in row.detail.splitlines():
            console.line(f"  {line}")
    if report.hook_error:
        console.line("")
        console.line("Error in run hooks", "red")
        for line in report.hook_error.splitlines():
            console.line(f"  {line}")
    console.line("")
    counts = report.counts
    error = counts.get("ERROR", 0) + counts.get("FAIL", 0) + counts.get("CANCELLED", 0) + bool(report.hook_error)
    good = counts.get("SUCCESS", 0) + counts.get("PASS", 0) + counts.get("INSUFFICIENT", 0)
    skipped = counts.get("SKIPPED", 0) + counts["BLOCKED"]
    total = good + counts.get("WARN", 0) + error + skipped + counts["REUSED"]
    done = f"Done. PASS={good} WARN={counts.get('WARN', 0)} ERROR={error} SKIP={skipped} NO-OP=0 REUSED={counts['REUSED']} TOTAL={total}"
    console.event("done", {"run_id": report.run_id, "seconds": report.seconds, "counts": counts}, done, "green" if report.ok else "red")


def exit_code(console: Console, report: Report, again: str) -> int:
    """Return the exit code of a run and say what to do about a bad one; `again` is the command that goes on with it."""
    if any(outcome.status is Status.CANCELLED or outcome.message == "cancelled" for outcome in report.outcomes):
        console.note(f"Cancelled: nothing of what was interrupted is visible. Run `{again}` to go on.")
        return EXIT_USAGE
    if not report.ok:
        console.note(f"Details: penstock runs show {report.run_id}")
        return EXIT_FAILED
    return EXIT_OK
