"""Everything the planner looks at, gathered beforehand: no condition reads a clock, a file or a warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from penstock.assets.asset import EdgeKind, Kind
from penstock.assets.fingerprint import fingerprint
from penstock.assets.names import AssetKey, RelationName
from penstock.assets.records import Observation, StateSnapshot, Strength
from penstock.graph.asset_graph import AssetGraph


@dataclass(frozen=True)
class Facts:
    """The planner's whole world.

    `standing` are the relations that exist, names normalised; `observed` what was seen of inputs that nothing here
    builds; `selected` the ids under consideration.
    """

    graph: AssetGraph
    state: StateSnapshot
    selected: frozenset[int]
    standing: Mapping[RelationName, str] = field(default_factory=dict)
    observed: Mapping[str, Observation] = field(default_factory=dict)
    database: str = ""
    force: bool = False
    full_refresh: bool = False

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
        if asset.kind is Kind.SOURCE and asset.ingest is None:
            return any(self.graph.edge_kind[parent, number] is EdgeKind.PRODUCER for parent in self.graph.parents[number])
        return not asset.builds_relation and asset.kind is not Kind.SOURCE

    def version(self, name: AssetKey) -> str | None:
        """Return the version an input has now; None where nothing trustworthy is known."""
        built = self.state.materializations.get(name)
        if built is not None and not (name in self.graph and self.graph[name].kind is Kind.SOURCE and self.graph[name].ingest is None):
            return str(built.token)
        seen = self.observed.get(name)
        return seen.version if seen is not None and seen.strength != Strength.UNKNOWN else None

    def standing_type(self, number: int) -> str | None:
        """Return `table` or `view` where the asset's relation exists."""
        relation = self.graph.assets[number].relation
        return None if relation is None else self.standing.get(RelationName(*relation.normalised(self.database)))

    def inputs_version(self, number: int, override: Mapping[AssetKey, str] | None = None) -> str:
        """Digest the versions of all inputs of a test; `override` holds what this run has built meanwhile.

        A unit test depends on the code of its model and of what that reads, since dbt asks those for their columns.
        """
        if self.graph.assets[number].kind is Kind.UNIT_TEST:
            code = set(self.graph.parents[number])
            code |= {parent for model in self.graph.parents[number] for parent in self.graph.parents[model]}
            return fingerprint({self.graph.assets[one].key: self.graph.assets[one].fingerprint for one in code})
        known = override or {}
        keys = [self.graph.assets[parent].key for parent in self.inputs[number]]
        return fingerprint({key: known.get(key) or self.version(key) or "unknown" for key in keys})
