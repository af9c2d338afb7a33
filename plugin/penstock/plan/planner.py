"""The planner: graph, state, observations and conditions in; a list of plain rows out, which `plan` shows and `build` runs."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.assets.names import AssetKey
from penstock.plan.conditions import RULES, display
from penstock.plan.facts import Facts
from penstock.plan.reasons import Decision, Reason


@dataclass(frozen=True, slots=True)
class PlanRow:
    """What is to happen to one asset, and why."""

    id: int
    asset: AssetKey
    decision: Decision
    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Rows in graph order: one for each selected asset that a build could run."""

    rows: tuple[PlanRow, ...]

    def count(self, decision: Decision) -> int:
        """Return how many rows have that decision."""
        return sum(1 for row in self.rows if row.decision is decision)

    def with_decision(self, decision: Decision) -> list[PlanRow]:
        """Return the rows that have that decision, in graph order."""
        return [row for row in self.rows if row.decision is decision]


def make_plan(facts: Facts) -> Plan:
    """Decide for every selected asset. Pure: the same facts give the same plan."""
    candidates = [number for number in sorted(facts.selected) if facts.graph.assets[number].executable]
    due: dict[int, tuple[Reason, str]] = {}
    for rule in RULES:
        held = rule.holds([number for number in candidates if number not in due], facts)
        due.update({number: (rule.reason, detail) for number, detail in held.items()})
    blocked = _blocked(facts, candidates)
    rows = []
    for number in candidates:
        if number not in due and number not in blocked:
            upstream = [parent for parent in facts.inputs[number] if parent in due and parent in facts.selected]
            if upstream:
                names = [display(facts.graph.assets[parent].key) for parent in upstream]
                due[number] = (Reason.UPSTREAM_NEWER, ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else ""))
        rows.append(_row(facts, number, due.get(number), blocked.get(number)))
    return Plan(tuple(rows))


def _row(facts: Facts, number: int, due: tuple[Reason, str] | None, blocked: tuple[Reason, str] | None) -> PlanRow:
    key = facts.graph.assets[number].key
    if blocked is not None:
        return PlanRow(number, key, Decision.BLOCKED, *blocked)
    if due is not None:
        return PlanRow(number, key, Decision.BUILD, *due)
    return PlanRow(number, key, Decision.REUSE, Reason.FRESH)


def _blocked(facts: Facts, candidates: list[int]) -> dict[int, tuple[Reason, str]]:
    """Find assets whose own file is broken, and what reads them."""
    broken = {n: asset.ingest.error for n, asset in enumerate(facts.graph.assets) if asset.ingest is not None and asset.ingest.error}
    blocked: dict[int, tuple[Reason, str]] = {}
    for number, error in broken.items():
        for below in facts.graph.descendants([number]):
            blocked.setdefault(below, (Reason.UPSTREAM_FAILED, display(facts.graph.assets[number].key)))
        blocked[number] = (Reason.PARSE_FAILED, error)
    wanted = set(candidates)
    return {number: why for number, why in blocked.items() if number in wanted}
