"""The versions of things as they are now: what the state says, and what the run has built meanwhile.

A view holds no rows, so whoever reads one reads what lies behind it: its version stands for its code and columns, and
its own inputs count as inputs of its readers.
"""

from __future__ import annotations

from collections import ChainMap, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

from penstock.assets.asset import Kind
from penstock.assets.fingerprint import fingerprint
from penstock.assets.names import AssetKey
from penstock.assets.records import InputVersion, Materialization, Observation, PartitionRecord, Projection, StateSnapshot, schema_part
from penstock.graph.asset_graph import AssetGraph

Columns = frozenset[str] | None
"""Lower-case names of the columns that are read; None means all."""

Narrow = Callable[[AssetKey, frozenset[str]], Mapping[str, Columns] | None]
"""What a view reads for the sake of some of its columns, None where that is not known."""

ColumnSet = tuple[str, ...]
"""The same, sorted, as the state keeps it."""


class Versions:
    """Versions over one state; `built` adds to them as a run goes on (one thread adds, others read).

    `declared` holds, for each id of the graph, the ids whose versions it consumes; `projections` may grow; `actual` are the
    versions of relations that do not hold what was recorded and are not built anew.
    """

    def __init__(
        self,
        graph: AssetGraph,
        state: StateSnapshot,
        observed: Mapping[str, Observation],
        declared: Sequence[Sequence[int]],
        projections: Mapping[Projection, str],
        actual: Mapping[AssetKey, str],
    ) -> None:
        self._graph = graph
        self._observed = observed
        self._declared = declared
        self._projections = projections
        self._actual = actual
        self._made: ChainMap[AssetKey, Materialization] = ChainMap({}, dict(state.materializations))
        self._inputs: ChainMap[AssetKey, tuple[InputVersion, ...]] = ChainMap({}, dict(state.inputs))
        self._planned: dict[int, list[str]] | None = {}
        self._ledgers = state.partitions
        self._partition_inputs = state.partition_inputs
        self._built_partitions: dict[AssetKey, dict[str, PartitionRecord]] = {}
        self._built_inputs: dict[AssetKey, dict[str, tuple[InputVersion, ...]]] = {}

    def built(self, made: Materialization, inputs: Iterable[InputVersion]) -> None:
        """Take in what the run has committed."""
        self._planned = None
        self._inputs[made.asset] = tuple(inputs)
        self._made[made.asset] = made

    def built_partitions(
        self, asset: AssetKey, records: Mapping[str, PartitionRecord], inputs: Mapping[str, tuple[InputVersion, ...]], *, anew: bool
    ) -> None:
        """Take in partitions that the run has committed; `anew`: nothing else is held any more."""
        if anew:
            self._ledgers = {**self._ledgers, asset: {}}
            self._partition_inputs = {**self._partition_inputs, asset: {}}
        self._built_partitions[asset] = {**self._built_partitions.get(asset, {}), **records}
        self._built_inputs[asset] = {**self._built_inputs.get(asset, {}), **inputs}

    def ledger(self, asset: AssetKey) -> Mapping[str, PartitionRecord]:
        """Return what an asset holds, by partition key."""
        built = self._built_partitions.get(asset)
        held = self._ledgers.get(asset, {})
        return {**held, **built} if built else held

    def partition_inputs(self, asset: AssetKey) -> Mapping[str, tuple[InputVersion, ...]]:
        """Return what each partition that is held consumed."""
        built = self._built_inputs.get(asset)
        held = self._partition_inputs.get(asset, {})
        return {**held, **built} if built else held

    def built_here(self, asset: AssetKey) -> Container[str]:
        """Return the keys of the partitions that this run has committed."""
        return self._built_partitions.get(asset, {})

    def of(self, name: str) -> str | None:
        """Return the version of an asset or another input; None where nothing trustworthy is known."""
        made = self._made.get(name)
        if made is not None and not (name in self._graph and self._graph[name].is_plain_source):
            return self._actual.get(name, made.data_version)
        seen = self._observed.get(name)
        return seen.known if seen is not None else None

    def drift(self, name: AssetKey) -> str | None:
        """Return the version of a relation that was changed by others and is not built anew, None of all others."""
        return self._actual.get(name)

    def is_view(self, name: str) -> bool:
        """Whether a name stands for a view as it was last built."""
        made = self._made.get(name)
        return made is not None and made.relation_type == "view"

    def volatile(self, name: str) -> str:
        """Say why a view gives other rows at another time, "" where it does not."""
        made = self._made.get(name)
        return made.volatile if made is not None and made.relation_type == "view" else ""

    def behind(self, reads: Mapping[str, Columns], narrow: Narrow | None = None) -> dict[str, Columns]:
        """Return what is read through views too, each input with the columns that anything on the way reads.

        `narrow` may tell what a view reads for the sake of some of its columns; else all that it was seen to read counts.
        """
        found: dict[str, Columns] = {}
        stack = list(reads.items())[::-1]
        while stack:
            name, columns = stack.pop()
            if name in found:
                known = found[name]
                columns = None if columns is None or known is None else known | columns
                if columns == known:
                    continue
            found[name] = columns
            if self.is_view(name):
                inner = narrow(name, columns) if narrow is not None and columns is not None else None
                stack += list((inner if inner is not None else self._recorded_reads(name)).items())[::-1]
        return found

    def _recorded_reads(self, name: AssetKey) -> dict[str, Columns]:
        return {seen.input: None if seen.columns is None else frozenset(seen.columns) for seen in self._inputs.get(name, ())}

    def fingerprints(self, name: AssetKey) -> frozenset[str]:
        """Return the raw fingerprints that mean the same as what an asset was last built by."""
        made = self._made.get(name)
        return made.fingerprints if made is not None else frozenset()

    def consumed(self, reads: Mapping[str, Columns], *, through_views: bool, narrow: Narrow | None = None) -> list[InputVersion]:
        """Return what an asset consumes that reads so now; inputs whose version nobody knows are left out."""
        inputs = self.behind(reads, narrow) if through_views else dict(reads)
        versions = ((name, self.of(name), columns) for name, columns in sorted(inputs.items(), key=lambda item: item[0]))
        return [
            InputVersion(name, version, None if columns is None or self.is_view(name) else tuple(sorted(columns)))
            for name, version, columns in versions
            if version is not None
        ]

    def inputs_of(self, number: int) -> list[str]:
        """Return everything an asset reads by now: declared inputs, what its views read, and what its last build found."""
        planned = self._planned
        if planned is None:
            return self._find_inputs(number)
        if number not in planned:
            planned[number] = self._find_inputs(number)
        return planned[number]

    def _find_inputs(self, number: int) -> list[str]:
        key = self._graph.assets[number].key
        declared = [self._graph.assets[parent].key for parent in self._declared[number]]
        recorded = [seen.input for seen in self._inputs.get(key, ()) if seen.input not in self._graph or seen.input == key]
        names = dict.fromkeys([*declared, *recorded], None)
        return list(names) if self.is_view(key) else list(self.behind(names))

    def changed(self, number: int) -> Iterator[str]:
        """Yield the inputs whose content, in the columns that the asset reads, is not what it consumed."""
        consumed = {seen.input: seen for seen in self._inputs.get(self._graph.assets[number].key, ())}
        for name in self.inputs_of(number):
            seen, now = consumed.get(name), self.of(name)
            if seen is None or now is None or (seen.version != now and not self.same_columns(seen, now)):
                yield name

    def newer(self, number: int) -> set[str]:
        """Return the inputs that hold something else, in whatever columns, than what was consumed; the unknown among them."""
        consumed = {seen.input: seen.version for seen in self._inputs.get(self._graph.assets[number].key, ())}
        return {name for name in self.inputs_of(number) if (now := self.of(name)) is None or consumed.get(name) != now}

    def changed_columns(self, number: int) -> Iterator[str]:
        """Yield the inputs of a view whose columns or types are not what they were: such a view cannot be read any more."""
        for seen in self._inputs.get(self._graph.assets[number].key, ()):
            now = self.of(seen.input)
            if now is not None and schema_part(now) != schema_part(seen.version) and not self._same_types(seen, now):
                yield seen.input

    def digest(self, number: int) -> str:
        """Digest the versions of everything a test reads."""
        if self._graph.assets[number].kind is Kind.UNIT_TEST:
            return self._unit_test_version(number)
        return fingerprint({name: self.of(name) or "unknown" for name in self.inputs_of(number)})

    def _unit_test_version(self, number: int) -> str:
        """Digest what a unit test depends on: the code of its model and of what that reads, whose columns dbt asks for."""
        code = set(self._graph.parents[number])
        code |= {parent for model in self._graph.parents[number] for parent in self._graph.parents[model]}
        return fingerprint({self._graph.assets[one].key: self._graph.assets[one].fingerprint for one in code})

    def same_columns(self, seen: InputVersion, now: str) -> bool:
        """Whether what was read of an input, some of its columns, is known to hold the same in another version."""
        before, after = self._projected(seen, seen.version), self._projected(seen, now)
        return before is not None and before == after

    def _same_types(self, seen: InputVersion, now: str) -> bool:
        before, after = self._projected(seen, seen.version), self._projected(seen, now)
        return before is not None and after is not None and schema_part(before) == schema_part(after)

    def _projected(self, seen: InputVersion, version: str) -> str | None:
        """Return what the columns that were read hold in a version, None where that is not known or all were read."""
        return None if seen.columns is None else self._projections.get((seen.input, version, seen.columns))


def column_sets(inputs: Iterable[Iterable[InputVersion]]) -> dict[AssetKey, set[ColumnSet]]:
    """Return, for each input, the sets of its columns that somebody reads."""
    found: dict[AssetKey, set[ColumnSet]] = defaultdict(set)
    for consumed in inputs:
        for seen in consumed:
            if seen.columns is not None:
                found[seen.input].add(seen.columns)
    return found
