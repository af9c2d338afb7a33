"""How the builds of `ci` look while they go on: on stderr, because stdout is the report."""

from __future__ import annotations

from penstock.app.planning import Planned
from penstock.assets.asset import Asset
from penstock.runner.outcomes import Outcome
from penstock.ui.console import Console
from penstock.ui.names import describe


class Lines:
    """The console as a sink of a run."""

    def __init__(self, console: Console, planned: Planned) -> None:
        self._console = console
        console.note(f"{len(planned.plan.rows)} assets and checks to look at")

    def started(self, number: int, total: int, asset: Asset, executor: str) -> None:
        """Say nothing: most end within milliseconds."""

    def finished(self, number: int, total: int, outcome: Outcome) -> None:
        """Say how an asset ended."""
        self._console.note(f"{number} of {total} {outcome.status.value} {describe(outcome.asset)} in {outcome.seconds:.2f}s")
