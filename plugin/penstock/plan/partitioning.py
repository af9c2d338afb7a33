"""Which partitions of an asset are due, and why: the rules of staleness, partition by partition.

A partition is current if it is held, by the code of now, and every input holds for it what it consumed. An input with
partitions of its own is compared by those that the reader's partition maps to; one that a batch reads by its event time,
by what its rows of that time hold; any other as a whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from penstock.assets.code_version import same_slices
from penstock.assets.fingerprint import digest
from penstock.assets.names import AssetKey
from penstock.assets.partition_mapping import OVERLAP, downstream, upstream
from penstock.assets.partition_range import Partition
from penstock.assets.partitions import PartitionSet, PartitionSpec
from penstock.assets.records import Drift, InputVersion, PartitionRecord
from penstock.plan.conditions import Volatile
from penstock.plan.facts import NOT_LOOKED, Facts, Looked
from penstock.plan.names import few
from penstock.plan.readings import How, Reading
from penstock.plan.reasons import Reason
from penstock.plan.versions import Versions

UNKNOWN_FILES = "unknown"
"""The version of files that cannot be listed: never the same as before."""


@dataclass(frozen=True, slots=True)
class Due:
    """Partitions that are due for one reason."""

    reason: Reason
    partitions: PartitionSet
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SliceDrift(Drift):
    """A table of which some partitions hold something else than was recorded, by key, and every other holds just that.

    `outside`: so many rows are in no partition that is held.
    """

    partitions: frozenset[str]
    outside: int = 0


@dataclass(frozen=True)
class Partitioning:
    """One asset with partitions at one moment; `wanted` bounds what is looked at, `now` says which periods have begun."""

    facts: Facts
    versions: Versions
    number: int
    looked: Looked = NOT_LOOKED

    @property
    def key(self) -> AssetKey:
        return self.facts.graph.assets[self.number].key

    @cached_property
    def spec(self) -> PartitionSpec:
        return self.facts.specs[self.key]

    @cached_property
    def existing(self) -> PartitionSet:
        """Every partition that there is by now."""
        return self.spec.all(self.facts.now)

    @cached_property
    def wanted(self) -> PartitionSet:
        """The partitions under consideration."""
        chosen = self.facts.chosen.get(self.key)
        return self.existing if chosen is None else self.existing.intersect(chosen)

    @cached_property
    def ledger(self) -> Mapping[str, PartitionRecord]:
        """What is held now, by key."""
        return self.versions.ledger(self.key)

    @cached_property
    def _keys(self) -> tuple[PartitionSet, list[str]]:
        return self.spec.from_keys(self.ledger)

    @property
    def held(self) -> PartitionSet:
        """What is held of the partitions as they are defined now."""
        return self._keys[0]

    @property
    def outlived(self) -> list[str]:
        """Keys on record that are no partitions any more: the definition was another one."""
        return self._keys[1]

    @cached_property
    def waiting(self) -> PartitionSet:
        """Partitions without any files yet."""
        listings = [versions for versions in self.looked.files.values() if versions]
        if not listings:
            return self.spec.none()
        return self.spec.from_keys(key for key in listings[0] if not any(versions.get(key) for versions in listings))[0]

    @cached_property
    def missing(self) -> PartitionSet:
        """What exists, is not held, and could be."""
        return self.existing.minus(self.held).minus(self.waiting)

    @cached_property
    def lacking(self) -> PartitionSet:
        """Periods that are over and still have no files, though the ingestion says that they must: building them fails."""
        ingest = self.facts.graph.assets[self.number].ingest
        if ingest is None or not ingest.required:
            return self.spec.none()
        return self.spec.all(self.facts.now, complete_only=True).intersect(self.waiting).minus(self.held)

    def newest(self, count: int) -> PartitionSet:
        """Return the partitions of the last periods; all of them without a time dimension."""
        last = self.existing.last()
        if last is None or self.spec.time is None:
            return self.existing
        first = self.spec.time.calendar.shift(last.ordinal, 1 - count)
        return PartitionSet.of(self.spec, {key: [(first, last.ordinal + 1)] for key in self.existing.runs}).intersect(self.existing)

    @cached_property
    def anew(self) -> Reason | None:
        """Why the table is to be made anew, with everything in it; None where it is not."""
        if self.ledger and self.facts.standing_type(self.number) != "table":
            return Reason.RELATION_MISSING
        if self.key in self.facts.chosen or self.protected:
            return None  # the other rows stay
        if self.facts.full_refresh:
            return Reason.FULL_REFRESH
        if self._strewn:
            return Reason.RELATION_CHANGED
        return Reason.CODE_CHANGED if self.outlived or self.cut_otherwise else None

    @property
    def _strewn(self) -> bool:
        """Whether somebody put rows into the table that are in no partition, and it can be made anew without losing any."""
        drift = self.facts.drifted.get(self.key)
        return isinstance(drift, SliceDrift) and drift.outside > 0 and not self.held.intersect(self.waiting)

    @cached_property
    def cut_otherwise(self) -> bool:
        """Whether what is held was cut into partitions by another column, or by another zone's time."""
        asset = self.facts.graph.assets[self.number]
        return any(not same_slices(made.code_version, asset) for made in self.ledger.values())

    @property
    def protected(self) -> bool:
        """Whether the model says `full_refresh: false`, which in dbt goes before the flag."""
        return self.facts.graph.assets[self.number].config.get("full_refresh") is False

    def due(self) -> tuple[Due, ...]:
        """Return what is due, each partition for the first reason that holds; the order is that of the reasons."""
        if self.anew is not None:
            detail = f"no partition any more: {self.outlived[0]}" if self.anew is Reason.CODE_CHANGED and self.outlived else ""
            if self.anew is Reason.RELATION_CHANGED:
                detail = self.facts.drifted[self.key].detail
            return _some([Due(self.anew, self.wanted.minus(self.waiting.minus(self.lacking)), detail)])
        found: list[Due] = []
        left = self.wanted.minus(self.waiting.minus(self.held).minus(self.lacking))
        for rule in _RULES:
            for due in rule(self):
                mine = due.partitions.intersect(left)
                left = left.minus(mine)
                found.append(Due(due.reason, mine, due.detail))
        return _some(found)

    @cached_property
    def readings(self) -> tuple[Reading, ...]:
        """How each input is read; what lies behind an input that is read as a whole is read as a whole too."""
        found: dict[str, Reading] = {}
        for parent in self.facts.inputs[self.number]:
            name = self.facts.graph.assets[parent].key
            found[name] = self.facts.readings[self.key, name]
        for name in [name for name, reading in found.items() if reading.how is How.WHOLE]:
            for one in self.versions.behind({name: None}):
                if one != name:
                    found[one] = replace(found[one], beyond=True) if one in found else Reading(one, How.WHOLE)
        undeclared = {
            seen.input for seen in self._last_inputs if seen.input not in self.facts.graph and seen.input not in self.looked.files
        }
        return (*found.values(), *(Reading(name, How.WHOLE) for name in sorted(undeclared)))

    @cached_property
    def _last_inputs(self) -> tuple[InputVersion, ...]:
        latest = max(self.ledger, key=lambda key: self.ledger[key].token, default=None)
        return () if latest is None else self.versions.partition_inputs(self.key).get(latest, ())

    def columns_of(self, name: str) -> tuple[str, ...] | None:
        """Return the columns that were read of an input last time, None for all."""
        return next((seen.columns for seen in self._last_inputs if seen.input == name), None)

    def whole_version(self, reading: Reading) -> str | None:
        """Return one version for everything behind an input, as it is read; None where something of it is not known."""
        behind = {one: self.versions.of(one) for one in self.versions.behind({reading.name: None})}
        if None in behind.values():
            return None
        return digest("\n".join([reading.event_time, *(f"{one}={version}" for one, version in sorted(behind.items()))]))

    def agreed(self, reading: Reading) -> bool:
        """Whether all that is held is known to agree with what an input holds now."""
        now = self.whole_version(reading)
        return now is not None and self.facts.state.agreed.get((self.key, reading.name)) == now

    def to_slice(self) -> list[Reading]:
        """Return the inputs whose slices must be looked at before anything can be said of what is held."""
        return [one for one in self.readings if one.compared is How.EVENT_TIME and self.held and not self.agreed(one)]

    def version(self, reading: Reading, partition: Partition) -> str | None:
        """Return what an input holds now for one partition, None where it cannot be told."""
        if reading.compared is How.PARTITIONS and reading.source is not None:
            return self._version_of_partitions(reading, partition)
        if reading.compared is How.EVENT_TIME:
            return self.looked.slices.get(reading.name, {}).get(partition.key)
        return self.versions.of(reading.name)

    def _version_of_partitions(self, reading: Reading, partition: Partition) -> str:
        drift, changed = self.versions.drift(reading.name), self.facts.drifted.get(reading.name)
        if drift is not None and not isinstance(changed, SliceDrift):
            return f"drift:{drift}"  # its record says nothing of what it holds
        source = self.versions.ledger(reading.name)
        if reading.source == self.spec and reading.rule == OVERLAP:
            keys = [partition.key]  # each reads its own; no need to map 100,000 of them one by one
        else:
            one = PartitionSet.of(self.spec, {partition.coordinate: [(partition.ordinal, partition.ordinal + 1)]})
            keys = list(upstream(self.spec, reading.source, one, self.facts.now, reading.rule).keys())
        if drift is not None and isinstance(changed, SliceDrift) and not changed.partitions.isdisjoint(keys):
            return f"drift:{drift}"
        versions = [(key, source[key].data_version) for key in keys if key in source]
        if len(keys) == len(versions) == 1:
            return versions[0][1]
        return f"parts:{len(versions)}:{digest(chr(10).join(map('='.join, versions)))}"

    def consumed(self, partition: Partition, columns: Mapping[str, tuple[str, ...] | None]) -> Iterator[InputVersion]:
        """Yield what a partition is about to consume, looked at before it reads; what nobody knows is left out."""
        for reading in self.readings:
            version = self.version(reading, partition)
            if version is not None:
                by_rows = reading.how is How.PARTITIONS or reading.beyond or self.versions.is_view(reading.name)
                read = None if by_rows else columns.get(reading.name)
                yield InputVersion(reading.name, version, read)
        for name, versions in self.looked.files.items():
            if versions.get(partition.key):
                yield InputVersion(name, versions[partition.key])

    def changed(self, reading: Reading) -> tuple[list[str], list[str]]:
        """Return the keys held for which an input holds something else than was consumed, and those of which nothing is known."""
        if reading.compared is How.EVENT_TIME and (self.agreed(reading) or reading.name not in self.looked.slices):
            return [], []  # nothing changed, or it is looked at when its turn comes
        changed: list[str] = []
        unknown: list[str] = []
        same: dict[InputVersion, bool] = {}
        consumed = self.versions.partition_inputs(self.key)
        for partition in self.held.intersect(self.wanted):
            seen = next((one for one in consumed.get(partition.key, ()) if one.input == reading.name), None)
            now = self.version(reading, partition)
            if now is None:
                unknown.append(partition.key)
            elif seen is None or (
                seen.version != now and not (reading.compared is How.WHOLE and same.setdefault(seen, self.versions.same_columns(seen, now)))
            ):
                changed.append(partition.key)
        return changed, unknown

    def changed_files(self) -> Iterator[tuple[str, list[str]]]:
        """Yield each pattern with the keys held whose files are not those that were read; where all are gone the rows stay."""
        consumed = self.versions.partition_inputs(self.key)
        for name, versions in self.looked.files.items():
            keys = [
                key for key, version in versions.items()
                if version and key in self.ledger
                and (version == UNKNOWN_FILES or not any(one == InputVersion(name, version) for one in consumed.get(key, ())))
            ]  # fmt: skip
            if keys:
                yield name, keys


def _some(found: Iterable[Due]) -> tuple[Due, ...]:
    return tuple(due for due in found if due.partitions)


def _forced(one: Partitioning) -> Iterator[Due]:
    if one.facts.force:
        yield Due(Reason.FORCED, one.wanted, "--force")
    if one.facts.full_refresh and not one.protected:
        yield Due(Reason.FULL_REFRESH, one.wanted, "--full-refresh")


def _never_built(one: Partitioning) -> Iterator[Due]:
    if not one.ledger:
        yield Due(Reason.NEVER_BUILT, one.missing)


def _relation_changed(one: Partitioning) -> Iterator[Due]:
    drift = one.facts.drifted.get(one.key)
    if isinstance(drift, SliceDrift):
        keys = (key for key in drift.partitions if key in one.ledger and key not in one.versions.built_here(one.key))
        yield Due(Reason.RELATION_CHANGED, one.spec.from_keys(keys)[0], drift.detail)
    elif drift is not None:
        yield Due(Reason.RELATION_CHANGED, one.held, drift.detail)


def _code_changed(one: Partitioning) -> Iterator[Due]:
    asset, now = one.facts.graph.assets[one.number], one.facts.code_version(one.number)
    other = (key for key, made in one.ledger.items() if made.code_version != now and made.fingerprint != asset.fingerprint)
    yield Due(Reason.CODE_CHANGED, one.spec.from_keys(other)[0], asset.ingest.path if asset.ingest else asset.path)


def _failed(one: Partitioning) -> Iterator[Due]:
    yield Due(Reason.PREVIOUS_FAILED, _unfinished(one, one.facts.state.failed_partitions))


def _interrupted(one: Partitioning) -> Iterator[Due]:
    """What was interrupted was due, perhaps by a wish that nobody repeats: it stays due, where nothing else makes it so."""
    yield Due(Reason.PREVIOUS_FAILED, _unfinished(one, one.facts.state.interrupted_partitions), "interrupted")


def _unfinished(one: Partitioning, partitions: Mapping[AssetKey, tuple[str, ...]]) -> PartitionSet:
    built = one.versions.built_here(one.key)
    return one.spec.from_keys(key for key in partitions.get(one.key, ()) if key not in built)[0]


def _missing(one: Partitioning) -> Iterator[Due]:
    yield Due(Reason.PARTITION_MISSING, one.missing)
    yield Due(Reason.PARTITION_MISSING, one.lacking, f"no files: {few([*one.looked.files])}")


def _volatile(one: Partitioning) -> Iterator[Due]:
    """A query that asks the clock is due again for the newest partitions, as many as dbt does at every run."""
    why = Volatile().holds([one.number], one.facts).get(one.number)
    if why is not None:
        yield Due(Reason.VOLATILE, one.newest(one.facts.graph.assets[one.number].lookback + 1).intersect(one.held), why)


def _new_files(one: Partitioning) -> Iterator[Due]:
    for name, keys in one.changed_files():
        yield Due(Reason.NEW_FILES, one.spec.from_keys(keys)[0], few([name]))


def _newer(one: Partitioning) -> Iterator[Due]:
    for reading in one.readings:
        changed, unknown = one.changed(reading)
        yield Due(Reason.UNKNOWN_EVIDENCE, one.spec.from_keys(unknown)[0], few([reading.name]))
        reason = Reason.LATE_DATA if reading.compared is How.EVENT_TIME else Reason.UPSTREAM_NEWER
        yield Due(reason, one.spec.from_keys(changed)[0], few([reading.name]))


_RULES: tuple[Callable[[Partitioning], Iterator[Due]], ...] = (
    _forced, _never_built, _relation_changed, _code_changed, _failed, _missing, _volatile, _new_files, _newer, _interrupted,
)  # fmt: skip
"""In the order of precedence: the first that holds for a partition names its reason."""


def touched(facts: Facts, chosen: Mapping[AssetKey, PartitionSet], number: int) -> PartitionSet | None:
    """Return the partitions of an asset that read any of those chosen of its inputs; None where it reads none of them."""
    key = facts.graph.assets[number].key
    spec = facts.specs[key]
    found: dict[AssetKey, PartitionSet] = defaultdict(spec.none)
    for parent in facts.inputs[number]:
        name = facts.graph.assets[parent].key
        if name in chosen:
            rule = facts.readings[key, name].rule
            found[key] = found[key].union(downstream(spec, facts.specs[name], chosen[name], facts.now, rule))
    return found.get(key)
