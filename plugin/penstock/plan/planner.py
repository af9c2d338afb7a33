"""The planner: graph, state, observations and conditions in; a list of plain rows out, which `plan` shows and `build` runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from penstock.assets.names import AssetKey
from penstock.errors import ConfigError, Location
from penstock.plan.conditions import RULES, changed_inputs
from penstock.plan.facts import NOT_LOOKED, Facts
from penstock.plan.freshness import PATIENT, resting, waiting_for
from penstock.plan.names import display, few
from penstock.plan.partitioning import Due, Partitioning
from penstock.plan.reasons import Decision, Reason
from penstock.plan.versions import Versions

ON_CODE_CHANGE = ("run", "full_refresh", "fail")
"""What an incremental model may wish for when its code changes."""


@dataclass(frozen=True, slots=True)
class PlanRow:
    """What is to happen to one asset, and why; `slices` say it of its partitions, if it has any, as far as is known yet."""

    id: int
    asset: AssetKey
    decision: Decision
    reason: Reason
    detail: str = ""
    slices: tuple[Due, ...] = ()


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
    whole = [number for number in candidates if facts.graph.assets[number].key not in facts.specs]
    for rule in RULES:
        held = rule.holds([number for number in whole if number not in due], facts)
        due.update({number: (rule.reason, detail) for number, detail in held.items()})
    slices = {number: partitioning(facts, number).due() for number in sorted(set(candidates).difference(whole))}
    due.update({number: (found[0].reason, found[0].detail) for number, found in slices.items() if found})
    blocked = _blocked(facts, candidates, _refused(facts, due))
    blocked |= {number: why for number, why in _behind_checks(facts, candidates).items() if number in due and number not in blocked}
    outlook = _look_ahead(facts, candidates, {number: why for number, (why, _) in due.items() if number not in blocked})
    rows = (_row(facts, number, due, blocked, outlook) for number in candidates)
    return Plan(tuple(replace(row, slices=slices.get(row.id, ())) if row.decision is Decision.BUILD else row for row in rows))


def partitioning(facts: Facts, number: int) -> Partitioning:
    """Return an asset's partitions as they were when the facts were gathered."""
    return Partitioning(facts, facts.versions, number, facts.looked.get(facts.graph.assets[number].key, NOT_LOOKED))


@dataclass(frozen=True, slots=True)
class _Outlook:
    """What the due ones bring about, by id.

    `moving` may hold something else in the end: they, and everything behind them, through views too; `held` are held back
    by their policies; `pending` are due if other inputs, which move, get newer data as well.
    """

    moving: set[int] = field(default_factory=set)
    held: dict[int, tuple[Reason, str]] = field(default_factory=dict)
    pending: set[int] = field(default_factory=set)


def _look_ahead(facts: Facts, candidates: list[int], due: Mapping[int, Reason]) -> _Outlook:
    wanted = set(candidates)
    outlook = _Outlook()
    for number, asset in enumerate(facts.graph.assets):
        passes = number in wanted or asset.materialized == "view"
        if number not in due and not (passes and any(parent in outlook.moving for parent in facts.inputs[number])):
            continue
        held = _held_back(facts, facts.versions, number, due.get(number, Reason.UPSTREAM_MAY_CHANGE), outlook.moving)
        if held is not None and held[0] is not Reason.UPSTREAM_MAY_CHANGE:
            outlook.held[number] = held
            continue
        outlook.moving.add(number)
        if held is not None:
            outlook.pending.add(number)
    return outlook


def _held_back(facts: Facts, versions: Versions, number: int, reason: Reason, moving: Collection[int] = ()) -> tuple[Reason, str] | None:
    """Say which policy holds an asset back that is due for a reason; `upstream_may_change`: it will be known in the run."""
    if reason not in PATIENT:
        return None
    rest = resting(facts, number)
    if rest is not None or reason is Reason.VOLATILE:
        return rest
    names, movable = waiting_for(facts, versions, number, moving)
    if not names:
        return None
    return Reason.UPSTREAM_MAY_CHANGE if movable else Reason.WAITING_ALL_PARENTS, few(names)


def _row(
    facts: Facts, number: int, due: Mapping[int, tuple[Reason, str]], blocked: Mapping[int, tuple[Reason, str]], outlook: _Outlook
) -> PlanRow:
    key = facts.graph.assets[number].key
    if number in blocked:
        return PlanRow(number, key, Decision.BLOCKED, *blocked[number])
    if number in outlook.held:
        return PlanRow(number, key, Decision.REUSE, *outlook.held[number])
    if number in due and number not in outlook.pending:
        return PlanRow(number, key, Decision.BUILD, *due[number])
    if number in outlook.moving:
        upstream = [facts.graph.assets[parent].key for parent in facts.inputs[number] if parent in outlook.moving]
        return PlanRow(number, key, Decision.MAYBE, Reason.UPSTREAM_MAY_CHANGE, few(upstream))
    return PlanRow(number, key, Decision.REUSE, Reason.FRESH)


def decide(facts: Facts, versions: Versions, row: PlanRow) -> PlanRow:
    """Decide what may be due, once all its inputs are done: `versions` knows what they hold now."""
    key = facts.graph.assets[row.id].key
    schema = list(versions.changed_columns(row.id)) if versions.is_view(key) else []
    if schema:
        return PlanRow(row.id, key, Decision.BUILD, Reason.SCHEMA_CHANGED, few(schema))
    changed = changed_inputs(row.id, facts, versions)
    if changed:
        held = _held_back(facts, versions, row.id, Reason.UPSTREAM_NEWER)
        if held is not None:
            return PlanRow(row.id, key, Decision.REUSE, *held)
        return PlanRow(row.id, key, Decision.BUILD, Reason.UPSTREAM_NEWER, few(changed))
    return PlanRow(row.id, key, Decision.REUSE, Reason.UNCHANGED_INPUT, row.detail)


def _refused(facts: Facts, due: Mapping[int, tuple[Reason, str]]) -> dict[int, tuple[Reason, str]]:
    """Find incremental models that may not go on with other code. Raises ConfigError for a wish nobody understands."""
    found: dict[int, tuple[Reason, str]] = {}
    for number, (reason, _) in due.items():
        asset = facts.graph.assets[number]
        if asset.on_code_change not in ON_CODE_CHANGE:
            raise ConfigError(
                f"{asset.name}: on_code_change cannot be `{asset.on_code_change}`",
                at=Location(asset.path), hint=f"Choose from {', '.join(ON_CODE_CHANGE)}.",
            )  # fmt: skip
        if reason is Reason.CODE_CHANGED and asset.on_code_change == "fail":
            found[number] = (Reason.CODE_CHANGE_REFUSED, "on_code_change: fail; build it with --full-refresh, or --force to go on")
    return found


def _blocked(facts: Facts, candidates: list[int], refused: Mapping[int, tuple[Reason, str]]) -> dict[int, tuple[Reason, str]]:
    """Find assets whose own file is broken, or whose new code is refused, and what reads them."""
    broken = {n: asset.ingest.error for n, asset in enumerate(facts.graph.assets) if asset.ingest is not None and asset.ingest.error}
    own = {number: (Reason.PARSE_FAILED, error) for number, error in broken.items()} | dict(refused)
    blocked: dict[int, tuple[Reason, str]] = {}
    for number, why in own.items():
        for below in facts.graph.descendants([number]):
            blocked.setdefault(below, (Reason.UPSTREAM_FAILED, display(facts.graph.assets[number].key)))
        blocked[number] = why
    wanted = set(candidates)
    return {number: why for number, why in blocked.items() if number in wanted}


def _behind_checks(facts: Facts, candidates: list[int]) -> dict[int, tuple[Reason, str]]:
    """Find what reads an asset whose latest rows a test kept from readers, where that asset is not built now."""
    found: dict[int, tuple[Reason, str]] = {}
    for key, (checks, run_id) in facts.state.blocked.items():
        standing = [check for check in checks if not facts.state.is_waived(check, facts.now)]
        if standing and key in facts.graph and facts.graph.ids[key] not in candidates:
            why = f"{few(standing)} failed on {display(key)} (run {run_id})"
            for below in facts.graph.descendants([facts.graph.ids[key]]):
                if facts.graph.assets[below].builds_relation:
                    found.setdefault(below, (Reason.CHECK_BLOCKED, why))
    return found
