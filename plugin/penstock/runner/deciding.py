"""One asset's turn in a run: what may be due is decided now, by what its inputs hold, and then run or reused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penstock.plan.planner import PlanRow, decide
from penstock.plan.reasons import Decision, Reason
from penstock.runner.context import RunContext
from penstock.runner.limits import Attempts
from penstock.runner.outcomes import Outcome, Status
from penstock.runner.partitions import run_partitions

if TYPE_CHECKING:
    from penstock.dbt.nodes import NodeRunner


@dataclass(frozen=True, slots=True)
class Deciding:
    """The run loop's handler around `execute`; `maybe` are the rows left open by the plan, `decided` what became of them.

    `attempts` says what is tried again; nothing is without it.
    """

    context: RunContext
    maybe: Mapping[int, PlanRow]
    execute: Callable[[int], Outcome]
    native: Callable[[int], bool]
    nodes: Callable[[], NodeRunner]
    decided: list[PlanRow] = field(default_factory=list)
    attempts: Attempts | None = None

    def __call__(self, number: int) -> Outcome:
        """Run an asset unless its inputs hold the same after all; what its readers' columns hold is looked at before and after."""
        asset = self.context.graph.assets[number]
        attempts = self.attempts or Attempts(self.context)
        if asset.key in self.context.facts.specs:
            nodes = attempts.nodes(self.nodes()) if asset.microbatch and not self.native(number) else None
            outcome, rows = run_partitions(self.context, number, attempts, nodes)
            self.decided.extend(rows)
            return outcome
        audited = self.context.audits.outcome(number)
        if audited is not None:
            if number in self.maybe:
                self.decided.append(PlanRow(number, asset.key, Decision.BUILD, Reason.UPSTREAM_NEWER, self.maybe[number].detail))
            return audited
        if number in self.maybe:
            row = decide(self.context.facts, self.context.versions, self.maybe[number])
            self.decided.append(row)
            if row.decision is Decision.REUSE:
                return self.context.outcome(number, Status.REUSED, "", row.reason.value, self.context.clock())
        self.context.projections.look(number)
        outcome = attempts.run(number, self.execute)
        if outcome.status is Status.SUCCESS:
            self.context.projections.look(number)
        return outcome
