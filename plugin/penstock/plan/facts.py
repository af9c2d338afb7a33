"""Everything the planner looks at, gathered beforehand: no condition reads a clock, a file or a warehouse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from penstock.assets.asset import Asset, EdgeKind, Kind
from penstock.assets.freshness import NO_POLICY, Policy, model_criteria, policy_of
from penstock.assets.names import AssetKey, RelationName
from penstock.assets.partitions import PartitionSet, PartitionSpec
from penstock.assets.records import CheckResult, Drift, Materialization, Observation, Projection, StateSnapshot
from penstock.errors import ConfigError, Location, PenstockError, raise_all
from penstock.graph.asset_graph import AssetGraph
from penstock.plan.readings import Readings, readings_of
from penstock.plan.versions import Versions

Keyed = Mapping[str, str]
"""A version for each partition key."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at files and at slices found of one asset, by input and partition key; nothing is known of what is missing here.

    `files` maps a partition to the version of its files, "" where it has none (yet); `slices` to that of the rows it reads of
    an input.
    """

    files: Mapping[str, Keyed] = field(default_factory=dict)
    slices: Mapping[str, Keyed] = field(default_factory=dict)


NOT_LOOKED = Looked()


@dataclass(frozen=True)
class Facts:
    """The planner's whole world.

    `standing` are the relations that exist, names normalised, and `columns` theirs, as they are spelled; `observed` what
    was seen of inputs that nothing here builds; `selected` the ids under consideration; `code_versions` those of assets
    whose raw code is not the recorded one; `projections` the versions of some columns alone, to which a run adds; `drifted`
    the relations that were changed behind Penstock's back; `specs` are the partitions of the assets that have any, `chosen`
    bounds them where the user does, `looked` is what was seen of single partitions; `now` is UTC without a zone, and where
    nobody says it every waiting time is over.
    """

    graph: AssetGraph
    state: StateSnapshot
    selected: frozenset[int]
    standing: Mapping[RelationName, str] = field(default_factory=dict)
    columns: Mapping[RelationName, tuple[str, ...]] = field(default_factory=dict)
    observed: Mapping[str, Observation] = field(default_factory=dict)
    code_versions: Mapping[AssetKey, str] = field(default_factory=dict)
    projections: dict[Projection, str] = field(default_factory=dict)
    drifted: Mapping[AssetKey, Drift] = field(default_factory=dict)
    specs: Mapping[AssetKey, PartitionSpec] = field(default_factory=dict)
    chosen: Mapping[AssetKey, PartitionSet] = field(default_factory=dict)
    looked: Mapping[AssetKey, Looked] = field(default_factory=dict)
    database: str = ""
    force: bool = False
    full_refresh: bool = False
    now: datetime = datetime.max  # noqa: DTZ901 (UTC without a zone, as everywhere)

    @cached_property
    def inputs(self) -> tuple[tuple[int, ...], ...]:
        """For each id, the ids whose versions it consumes: ephemeral models and produced sources are looked through.

        A unit test reads no data at all.
        """
        found: list[tuple[int, ...]] = []
        for number, asset in enumerate(self.graph.assets):
            if asset.kind is Kind.UNIT_TEST:
                found.append(())
                continue
            reached: dict[int, None] = {}
            for parent in self.graph.parents[number]:
                reached.update(dict.fromkeys(found[parent] if self.looked_through(parent) else (parent,)))
            found.append(tuple(sorted(reached)))
        return tuple(found)

    def looked_through(self, number: int) -> bool:
        """Whether an asset has no version of its own."""
        asset = self.graph.assets[number]
        if asset.is_plain_source:
            return any(self.graph.edge_kind[parent, number] is EdgeKind.PRODUCER for parent in self.graph.parents[number])
        return not asset.builds_relation and asset.kind is not Kind.SOURCE

    @cached_property
    def versions(self) -> Versions:
        """The versions of everything as of now."""
        return self.new_versions()

    def new_versions(self) -> Versions:
        """Return versions that a run may add to."""
        chosen = {self.graph.assets[number].key for number in self.selected}
        actual = {key: drift.version for key, drift in self.drifted.items() if key not in chosen}
        return Versions(self.graph, self.state, self.observed, self.inputs, self.projections, actual)

    @cached_property
    def readings(self) -> Readings:
        """How each asset with partitions reads its inputs. Raises ParseError for a rule that cannot be understood."""
        return readings_of(self.graph, self.inputs, self.specs)

    def spellings(self, relations: Iterable[RelationName]) -> list[str] | None:
        """Return the names of all columns of some relations as they are spelled, None where one of them is not there."""
        known = [self.columns.get(RelationName(*relation.normalised(self.database))) for relation in relations]
        return None if None in known else [name for names in known for name in names or ()]

    def same_code(self, number: int) -> bool:
        """Whether an asset's code means what its record says, comments and names aside."""
        asset = self.graph.assets[number]
        record = self.record(number)
        if record is None:
            return False
        return asset.fingerprint in record.fingerprints or self.code_versions.get(asset.key) == record.code_version

    def code_version(self, number: int) -> str | None:
        """Return the code version of an asset with a record as it is now, None where it cannot be compiled."""
        record = self.record(number)
        return (
            record.code_version if record is not None and self.same_code(number) else self.code_versions.get(self.graph.assets[number].key)
        )

    def record(self, number: int) -> Materialization | CheckResult | None:
        """Return the materialization of an asset, or the result of a test."""
        asset = self.graph.assets[number]
        return self.state.checks.get(asset.key) if asset.is_test else self.state.materializations.get(asset.key)

    def standing_type(self, number: int) -> str | None:
        """Return `table` or `view` where the asset's relation exists."""
        relation = self.graph.assets[number].relation
        return None if relation is None else self.standing.get(RelationName(*relation.normalised(self.database)))

    def policy(self, number: int) -> Policy:
        """Return when an asset may wait for its next build; one without rows to go stale never does."""
        return self.policies.get(number, NO_POLICY)

    @cached_property
    def policies(self) -> Mapping[int, Policy]:
        """The policies of the selected models and snapshots that were built as tables.

        Raises ConfigError, or Problems, for those that cannot be understood, built or not.
        """
        found: dict[int, Policy] = {}
        read: dict[int, Policy] = {}  # by identity: assets from the cache share their configs
        problems: list[PenstockError] = []
        for number in sorted(self.selected):
            asset = self.graph.assets[number]
            if asset.kind not in (Kind.MODEL, Kind.SNAPSHOT):
                continue
            if id(asset.config) not in read:
                read[id(asset.config)] = _policy(asset, problems)
            built = self.state.materializations.get(asset.key)
            if built is not None and built.relation_type != "view" and read[id(asset.config)] != NO_POLICY:
                found[number] = read[id(asset.config)]
        raise_all(problems)
        return found


def _policy(asset: Asset, problems: list[PenstockError]) -> Policy:
    try:
        model_criteria(asset.config)  # whoever reads them later can only leave out what makes no sense
        return policy_of(asset.config)
    except ConfigError as error:
        error.at = Location(asset.path)
        error.message = f"{asset.name}: {error.message}"
        problems.append(error)
        return NO_POLICY
