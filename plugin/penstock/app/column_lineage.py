"""The use case behind column lineage: a build records where the columns come from of what it looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from penstock.app.compiled import CompiledQueries
from penstock.app.planning import Planned
from penstock.assets.asset import Asset, Kind
from penstock.assets.fingerprint import digest
from penstock.assets.names import AssetKey, RelationName
from penstock.assets.redact import redact
from penstock.errors import ProjectError
from penstock.graph.asset_graph import AssetGraph
from penstock.graph.column_graph import KeyOf
from penstock.graph.column_readings import ColumnReading, ColumnsOnRecord, NodeQuery, changed_readings, reading_of_all, reading_of_table
from penstock.parser.column_lineage import EVERY_COLUMN, VERSION
from penstock.runner.context import RunContext
from penstock.state.column_lineage import columns_on_record, is_current, record_readings

Recorded = Mapping[AssetKey, ColumnsOnRecord]

_LEFT_AS_THEY_ARE = frozenset({"incremental", "snapshot"})
"""Materializations whose tables may keep other columns than their queries have."""


def record_column_lineage(
    planned: Planned, context: RunContext, queries: CompiledQueries, built: frozenset[AssetKey], show: Callable[[str], None], *,
    compiles: bool,
) -> None:  # fmt: skip
    """Record the column lineage of what was selected, as far as it changed; `compiles` says that dbt is open anyway.

    Never raises: a run whose lineage cannot be recorded is as good as any other, and says so.
    """
    if context.stopping.is_set():
        return
    try:
        _Recording(planned, context, queries, built, compiles=compiles).run()
    except Exception as error:  # noqa: BLE001 (lineage is no part of what a run promises)
        show(redact(f"column lineage was not recorded: {error}"))


class _Recording:
    """One recording: what is known of columns, which readings changed, what is gone."""

    def __init__(
        self, planned: Planned, context: RunContext, queries: CompiledQueries, built: frozenset[AssetKey], *, compiles: bool
    ) -> None:
        self.graph = planned.graph
        self.declared = planned.project.graph  # where another target's models are no sources
        self.selected = planned.selection.keys
        self.version = digest("\0".join([str(VERSION), planned.project.graph_hash, *self.selected]))
        self.context = context
        self.facts = context.facts
        self.queries = queries
        self.built = built
        self.compiles = compiles
        self.dialect = context.warehouse.capabilities.dialect

    def run(self) -> None:
        """Record what changed; where nothing was built and nothing else can have changed, look no further."""
        sql = self.context.statements()
        if not self.built and is_current(sql, self.version):
            return
        recorded = columns_on_record(sql)
        nodes = list(self._nodes(recorded))
        known = dict(self._known(recorded, {node.key for node in nodes}))
        standing = frozenset(
            asset.key for asset in self.graph.assets if asset.ingest is not None or asset.materialized in _LEFT_AS_THEY_ARE
        )
        key_of = keys_of_relations(self.graph, self.facts.database)
        changed = list(changed_readings(nodes, key_of, known, recorded, self.dialect, standing))
        told = {key: one.columns for key, one in recorded.items()} | {one.key: one.on_record.columns for one in changed}
        others = (*self._tables(known), *self._exposures({**known, **told}))
        changed += [one for one in others if recorded.get(one.key) != one.on_record]
        gone = [key for key in recorded if key not in self.graph]
        record_readings(sql, self.context.run_id, changed, gone, self.version)

    def _known(self, recorded: Recorded, nodes: set[AssetKey]) -> Iterator[tuple[AssetKey, Sequence[str]]]:
        """Yield the columns of what stands; else those that were read before, or are declared and may not be all."""
        standing = self._columns_standing()
        for asset in self.graph.assets:
            if asset.kind is Kind.FUNCTION or asset.is_test or asset.relation is None:
                continue
            actual = standing.get(RelationName(*asset.relation.normalised(self.facts.database)))
            if actual is not None:
                yield asset.key, actual
            elif asset.key not in nodes:
                before = recorded.get(asset.key)
                declared = (*(column.name for column in asset.columns), EVERY_COLUMN)
                yield asset.key, before.columns if before is not None else declared

    def _columns_standing(self) -> Mapping[RelationName, Sequence[str]]:
        if not self.built:
            return self.facts.columns
        relations = [asset.relation for asset in self.graph.assets if asset.relation is not None]
        schemas = sorted({(relation.database or self.facts.database, relation.schema) for relation in relations})
        found = self.context.warehouse.catalog(schemas)
        return {name: tuple(column for column, _ in standing.columns) for name, standing in found.items()}

    def _nodes(self, recorded: Recorded) -> Iterator[NodeQuery]:
        """Yield what has a query, parents first; one that only dbt could compile now stays as it was read before."""
        for key in self.selected:
            asset = self.graph[key]
            text = self._text(asset)
            if text is None:
                continue
            parents = tuple(self.graph.assets[parent].key for parent in self.facts.inputs[self.graph.ids[key]])
            if self._is_at_hand(asset):
                yield NodeQuery(key, asset.fingerprint, text, parents)
            elif key not in recorded:
                yield NodeQuery(key, "", partial(_failing, "its query was never compiled"), parents)

    def _is_at_hand(self, asset: Asset) -> bool:
        if asset.ingest is not None or asset.language != "sql" or self.queries.has(asset):
            return True
        return self.compiles and asset.key in self.built

    def _text(self, asset: Asset) -> Callable[[], str] | None:
        """Return what gives an asset's query, None for an asset without one."""
        if asset.ingest is not None:
            return partial(self._ingested, asset)
        if asset.language != "sql" and asset.builds_relation:
            return partial(_failing, f"{asset.language} code is not SQL")
        if asset.kind is Kind.FUNCTION:
            return partial(self._function, asset)
        if asset.kind is Kind.SNAPSHOT:
            return partial(self._snapshot, asset)
        has_query = asset.is_data_test or (asset.kind is Kind.MODEL and asset.builds_relation)
        return partial(self._compiled, asset) if has_query and not asset.empty else None

    def _compiled(self, asset: Asset) -> str:
        return self.queries.get(asset)[0]

    def _snapshot(self, asset: Asset) -> str:
        from penstock.parser.lineage_statements import snapshot_query

        return snapshot_query(self._compiled(asset), asset.config, self.dialect)

    def _function(self, asset: Asset) -> str:
        from penstock.parser.lineage_statements import function_query

        return function_query(self._compiled(asset), asset.name, self.dialect)

    def _ingested(self, asset: Asset) -> str:
        from penstock.parser.lineage_statements import loading_query

        assert asset.ingest is not None  # noqa: S101 (asked before)
        if asset.ingest.error:
            raise ProjectError(asset.ingest.error)
        return loading_query(asset.ingest, self.dialect)

    def _tables(self, known: Mapping[AssetKey, Sequence[str]]) -> Iterator[ColumnReading]:
        """Yield a reading of what is only read, sources and seeds, where all of its columns are known."""
        for asset in self.declared.assets:
            columns = known.get(asset.key) if asset.is_plain_source or asset.kind is Kind.SEED else None
            if columns is not None and EVERY_COLUMN not in columns:
                yield reading_of_table(asset.key, columns)

    def _exposures(self, columns: Mapping[AssetKey, Sequence[str]]) -> Iterator[ColumnReading]:
        """Yield a reading of each exposure: it shows all columns of what it refers to."""
        for number, asset in enumerate(self.graph.assets):
            if asset.kind is Kind.EXPOSURE:
                parents = [self.graph.assets[parent].key for parent in self.facts.inputs[number]]
                yield reading_of_all(asset.key, {key: columns.get(key) for key in parents}, asset.fingerprint)


def keys_of_relations(graph: AssetGraph, database: str) -> KeyOf:
    """Return what tells which asset a relation is; a file goes by its pattern, as it does where freshness is recorded."""
    keys: dict[tuple[str, str, str], AssetKey] = {}
    for asset in sorted(graph.assets, key=lambda asset: not asset.builds_relation):
        if asset.relation is not None and asset.kind is not Kind.FUNCTION:
            keys.setdefault(asset.relation.normalised(database), asset.key)

    def key_of(name: RelationName) -> AssetKey | None:
        if not name.schema and ("/" in name.identifier or "." in name.identifier):
            return f"file:{redact(name.identifier)}"
        full = name if name.schema else RelationName(name.database, "main", name.identifier)
        return keys.get(full.normalised(database))

    return key_of


def _failing(reason: str) -> str:
    raise ProjectError(reason)
