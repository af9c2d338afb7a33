"""The rules of staleness: small frozen conditions that take candidates and return those for which they hold, with a detail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from penstock.assets.asset import Asset
from penstock.assets.code_version import ALGORITHM, algorithm_of
from penstock.plan.facts import Facts
from penstock.plan.freshness import expired
from penstock.plan.names import display, few, is_file
from penstock.plan.reasons import Reason
from penstock.plan.versions import Versions

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


_MAKES = {"view": "view"} | dict.fromkeys(("table", "incremental", "seed", "snapshot", "replace", "append", "upsert", "statement"), "table")


@dataclass(frozen=True)
class RelationMissing:
    """The table or view is not where it was recorded, or something of another type stands there."""

    reason: ClassVar[Reason] = Reason.RELATION_MISSING

    def holds(self, candidates: Iterable[int], facts: Facts) -> Held:
        found = {}
        for number in candidates:
            asset = facts.graph.assets[number]
            built = facts.state.materializations.get(asset.key)
            if built is None or asset.relation is None or built.relation_type == "function":
                continue
            standing = facts.standing_type(number)
            if standing is None:
                found[number] = str(asset.relation)
            elif asset.materialized in _MAKES and standing != _MAKES[asset.materialized]:
                found[number] = f"{asset.relation} is a {standing}"
        return found


@dataclass(frozen=True)
class RelationChanged:
    """The table or view was changed, replaced or emptied by somebody else since it was built."""

    reason: ClassVar[Reason] = Reason.RELATION_CHANGED

    def holds(self, candidates: Iterable[int], facts: Facts) -> Held:
        keys = ((number, facts.graph.assets[number].key) for number in candidates)
        return {number: facts.drifted[key].detail for number, key in keys if key in facts.drifted}


@dataclass(frozen=True)
class CodeChanged:
    """The code means something else than what is on record; comments, layout and names within a query do not count."""

    reason: ClassVar[Reason] = Reason.CODE_CHANGED

    def holds(self, candidates: Iterable[int], facts: Facts) -> Held:
        found = {}
        for number in candidates:
            asset, record = facts.graph.assets[number], facts.record(number)
            if record is not None and not facts.same_code(number):
                found[number] = asset.ingest.path if asset.ingest else asset.path
                if algorithm_of(record.code_version) != ALGORITHM:
                    found[number] = "code versions are made in another way now; see penstock store carry-over"
        return found


@dataclass(frozen=True)
class SchemaChanged:
    """A view stands on columns that are there no more, or have another type: it must be made anew to be read."""

    reason: ClassVar[Reason] = Reason.SCHEMA_CHANGED

    def holds(self, candidates: Iterable[int], facts: Facts) -> Held:
        versions = facts.versions
        views = [number for number in candidates if versions.is_view(facts.graph.assets[number].key)]
        return {number: few(names) for number in views if (names := list(versions.changed_columns(number)))}


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
                if result is not None and result.status not in ("pass", "warn", "insufficient"):
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
    """The query, a view it reads, or the Jinja that makes it asks the clock, chance or the warehouse."""

    reason: ClassVar[Reason] = Reason.VOLATILE

    def holds(self, candidates: Iterable[int], facts: Facts) -> Held:
        found: dict[int, str] = {}
        versions = facts.versions
        for number in candidates:
            asset, record = facts.graph.assets[number], facts.record(number)
            wish = volatile_wish(asset)
            if wish is not None:
                found |= {number: "meta.penstock.volatile"} if wish else {}
            elif asset.recompile:
                found[number] = "its Jinja reads the warehouse or the clock"
            elif record is not None and not versions.is_view(asset.key):
                views = (f"{display(name)}: {why}" for name in versions.inputs_of(number) if (why := versions.volatile(name)))
                why = record.volatile or next(views, "")
                found |= {number: why} if why else {}
        return found


@dataclass(frozen=True)
class TtlExpired:
    """A volatile query's `build_after` or `lag_tolerance` has passed since its last build; until then it waits."""

    reason: ClassVar[Reason] = Reason.TTL_EXPIRED

    def holds(self, candidates: Iterable[int], facts: Facts) -> Held:
        return Volatile().holds([number for number in candidates if expired(facts, number)], facts)


def volatile_wish(asset: Asset) -> bool | None:
    """Return what `meta.penstock.volatile` says, None where it says nothing."""
    wishes = (asset.config.get("meta") or {}).get("penstock")
    wish = wishes.get("volatile") if isinstance(wishes, dict) else None
    return wish if isinstance(wish, bool) else None


@dataclass(frozen=True)
class UnknownEvidence:
    """An input's version cannot be told, so nothing permits a skip; a view holds no rows that could be wrong."""

    reason: ClassVar[Reason] = Reason.UNKNOWN_EVIDENCE

    def holds(self, candidates: Iterable[int], facts: Facts) -> Held:
        found = {}
        versions = facts.versions
        for number in candidates:
            if versions.is_view(facts.graph.assets[number].key):
                continue
            for name in versions.inputs_of(number):
                if versions.of(name) is None:
                    seen = facts.observed.get(name)
                    found[number] = f"{name}: {seen.detail}" if seen is not None and seen.detail else name
                    break
        return found


@dataclass(frozen=True)
class InputChanged:
    """An input holds something else than what was consumed; files are told apart from assets by `files`."""

    files: bool
    reason: ClassVar[Reason] = Reason.UPSTREAM_NEWER

    def holds(self, candidates: Iterable[int], facts: Facts) -> Held:
        found = {}
        for number in candidates:
            changed = [name for name in changed_inputs(number, facts, facts.versions) if is_file(name) is self.files]
            if changed:
                found[number] = few(changed)
        return found


@dataclass(frozen=True)
class NewFiles(InputChanged):
    """The set of files that an asset reads has changed."""

    files: bool = True
    reason: ClassVar[Reason] = Reason.NEW_FILES


@dataclass(frozen=True)
class UpstreamNewer(InputChanged):
    """An upstream asset or a source holds other rows, in columns that are read, than when they were consumed."""

    files: bool = False
    reason: ClassVar[Reason] = Reason.UPSTREAM_NEWER


RULES: tuple[Condition, ...] = (
    Forced(),
    FullRefresh(),
    NeverBuilt(),
    RelationMissing(),
    RelationChanged(),
    CodeChanged(),
    SchemaChanged(),
    PreviousFailed(),
    TtlExpired(),
    Volatile(),
    UnknownEvidence(),
    NewFiles(),
    UpstreamNewer(),
)
"""In the order of precedence: the first that holds names the reason."""


def changed_inputs(number: int, facts: Facts, versions: Versions) -> list[str]:
    """Return the inputs that differ, by `versions`, from what an asset or a test consumed; a view consumes nothing."""
    asset = facts.graph.assets[number]
    if asset.is_test:
        result = facts.state.checks.get(asset.key)
        if result is None or result.inputs_version == versions.digest(number):
            return []
        return [facts.graph.assets[parent].key for parent in facts.inputs[number] or facts.graph.parents[number]] or ["an input it had"]
    return [] if versions.is_view(asset.key) else list(versions.changed(number))
