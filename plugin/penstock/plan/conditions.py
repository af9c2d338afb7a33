"""The rules of staleness: small frozen conditions that take candidates and return those for which they hold, with a detail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from penstock.plan.facts import Facts
from penstock.plan.reasons import Reason

Held = Mapping[int, str]


class Condition(Protocol):
    """One rule; `reason` is what it says when it holds."""

    reason: ClassVar[Reason]

    def holds(self, candidates: Iterable[int], facts: Facts) -> Held:
        """Return the candidates for which it holds, each with a detail for the reader (may be empty)."""


@dataclass(frozen=True)
class Forced:
    """The user asked for it."""

    reason: ClassVar[Reason] = Reason.FORCED

    def holds(self, candidates: Iterable[int], facts: Facts) -> Held:
        return dict.fromkeys(candidates, "--force") if facts.force else {}


@dataclass(frozen=True)
class FullRefresh:
    """The user asked for a full refresh, which in dbt means every selected node."""

    reason: ClassVar[Reason] = Reason.FULL_REFRESH

    def holds(self, candidates: Iterable[int], facts: Facts) -> Held:
        return dict.fromkeys(candidates, "--full-refresh") if facts.full_refresh else {}


@dataclass(frozen=True)
class NeverBuilt:
    """No committed materialization, or no result of the test, is on record."""

    reason: ClassVar[Reason] = Reason.NEVER_BUILT

    def holds(self, candidates: Iterable[int], facts: Facts) -> Held:
        state = facts.state
        return {n: "" for n in candidates if (key := facts.graph.assets[n].key) not in state.materializations and key not in state.checks}


_MAKES = {"view": "view"} | dict.fromkeys(("table", "incremental", "seed", "snapshot", "replace", "append"), "table")


@dataclass(frozen=True)
class RelationMissing:
    """The table or view is not where it was recorded, or something of another type stands there."""

    reason: ClassVar[Reason] = Reason.RELATION_MISSING

    def holds(self, candidates: Iterable[int], facts: Facts) -> Held:
        found = {}
        for number in candidates:
            asset = facts.graph.assets[number]
            built = facts.state.materializations.get(asset.key)
            if built is None or asset.relation is None or facts.state.relation_types.get(asset.key) == "function":
                continue
            standing = facts.standing_type(number)
            if standing is None:
                found[number] = str(asset.relation)
            elif asset.materialized in _MAKES and standing != _MAKES[asset.materialized]:
                found[number] = f"{asset.relation} is a {standing}"
        return found


@dataclass(frozen=True)
class CodeChanged:
    """The raw code version differs from the recorded one."""

    reason: ClassVar[Reason] = Reason.CODE_CHANGED

    def holds(self, candidates: Iterable[int], facts: Facts) -> Held:
        found = {}
        for number in candidates:
            asset = facts.graph.assets[number]
            record = facts.state.checks.get(asset.key) if asset.is_test else facts.state.materializations.get(asset.key)
            if record is not None and record.code_version != asset.fingerprint:
                found[number] = asset.ingest.path if asset.ingest else asset.path
        return found


@dataclass(frozen=True)
class PreviousFailed:
    """The last attempt failed or died after the last good one; a test did not pass."""

    reason: ClassVar[Reason] = Reason.PREVIOUS_FAILED

    def holds(self, candidates: Iterable[int], facts: Facts) -> Held:
        state = facts.state
        found = {}
        for number in candidates:
            asset = facts.graph.assets[number]
            if asset.is_test:
                result = state.checks.get(asset.key)
                if result is not None and result.status not in ("pass", "warn"):
                    found[number] = f"{result.status} in run {result.run_id}"
                continue
            attempt = state.attempts.get(asset.key)
            if asset.key in state.crashed:
                found[number] = "an earlier run ended in the middle of it"
            elif state.failed_partitions.get(asset.key):
                found[number] = f"partition {state.failed_partitions[asset.key][0]}"
            elif attempt is not None and attempt.status in ("failed", "crashed", "cancelled"):
                found[number] = f"run {attempt.run_id}"
        return found


@dataclass(frozen=True)
class Volatile:
    """The query, or the Jinja that makes it, asks the clock, chance or the warehouse."""

    reason: ClassVar[Reason] = Reason.VOLATILE

    def holds(self, candidates: Iterable[int], facts: Facts) -> Held:
        found = {}
        for number in candidates:
            asset = facts.graph.assets[number]
            if asset.recompile:
                found[number] = "its Jinja reads the warehouse or the clock"
            elif asset.key in facts.state.volatile:
                found[number] = facts.state.volatile[asset.key]
        return found


@dataclass(frozen=True)
class UnknownEvidence:
    """An input's version cannot be told, so nothing permits a skip."""

    reason: ClassVar[Reason] = Reason.UNKNOWN_EVIDENCE

    def holds(self, candidates: Iterable[int], facts: Facts) -> Held:
        found = {}
        for number in candidates:
            for name in _input_names(number, facts):
                if facts.version(name) is None:
                    seen = facts.observed.get(name)
                    found[number] = f"{name}: {seen.detail}" if seen is not None and seen.detail else name
                    break
        return found


@dataclass(frozen=True)
class InputChanged:
    """An input has another version than the one that was consumed; files are told apart from assets by `files`."""

    files: bool
    reason: ClassVar[Reason] = Reason.UPSTREAM_NEWER

    def holds(self, candidates: Iterable[int], facts: Facts) -> Held:
        found = {}
        for number in candidates:
            changed = [name for name in _changed_inputs(number, facts) if is_file(name) is self.files]
            if changed:
                found[number] = ", ".join(map(display, changed[:3])) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
        return found


@dataclass(frozen=True)
class NewFiles(InputChanged):
    """The set of files that an asset reads has changed."""

    files: bool = True
    reason: ClassVar[Reason] = Reason.NEW_FILES


@dataclass(frozen=True)
class UpstreamNewer(InputChanged):
    """An upstream asset was built, or a source changed, since this one read it."""

    files: bool = False
    reason: ClassVar[Reason] = Reason.UPSTREAM_NEWER


RULES: tuple[Condition, ...] = (
    Forced(),
    FullRefresh(),
    NeverBuilt(),
    RelationMissing(),
    CodeChanged(),
    PreviousFailed(),
    Volatile(),
    UnknownEvidence(),
    NewFiles(),
    UpstreamNewer(),
)
"""In the order of precedence: the first that holds names the reason."""


def is_file(name: str) -> bool:
    """Whether an input's name stands for files."""
    return name.startswith(("file:", "cwd:"))


def display(name: str) -> str:
    """Return an input's name as people say it."""
    for prefix in ("file:", "cwd:", "table:"):
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    parts = name.split(".")
    if parts[0] == "test" and len(parts) > 2:
        return parts[2]  # what follows is a hash of the arguments
    return ".".join(parts[2:]) if parts[0] in ("model", "seed", "snapshot", "source", "function", "unit_test") and len(parts) > 2 else name


def _input_names(number: int, facts: Facts) -> list[str]:
    """Return the declared inputs, and those that the last build found in the query itself."""
    declared = [facts.graph.assets[parent].key for parent in facts.inputs[number]]
    recorded = [seen.input for seen in facts.state.inputs.get(facts.graph.assets[number].key, ())]
    return list(dict.fromkeys([*declared, *(name for name in recorded if is_file(name) or name.startswith("table:"))]))


def _changed_inputs(number: int, facts: Facts) -> list[str]:
    asset = facts.graph.assets[number]
    if asset.is_test:
        result = facts.state.checks.get(asset.key)
        if result is None or result.inputs_version == facts.inputs_version(number):
            return []
        return [facts.graph.assets[parent].key for parent in facts.inputs[number] or facts.graph.parents[number]] or ["an input it had"]
    consumed = {seen.input: seen.version for seen in facts.state.inputs.get(asset.key, ())}
    return [name for name in _input_names(number, facts) if consumed.get(name) != facts.version(name)]
