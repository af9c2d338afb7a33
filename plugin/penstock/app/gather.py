"""Gathering the planner's facts: the state, the relations that stand, and the inputs that nothing here builds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from penstock.app.compiled import CompiledQueries
from penstock.app.observe import Observer
from penstock.app.partitions import chosen_of, keys_of, specs_of, with_partitions
from penstock.assets.code_version import code_version
from penstock.assets.names import AssetKey, RelationName
from penstock.assets.records import Drift, Materialization, StateSnapshot, schema_part
from penstock.compiler.content import schema_of
from penstock.errors import PenstockError
from penstock.graph.asset_graph import AssetGraph
from penstock.parser.loading import read_ingest
from penstock.parser.project_file import Evidence
from penstock.plan.facts import Facts
from penstock.plan.names import few
from penstock.state.content import content_of
from penstock.state.reader import read_state
from penstock.state.slices import changed_slices
from penstock.state.store import Statements
from penstock.warehouse.duckdb import DuckDBWarehouse
from penstock.warehouse.protocol import Standing, Warehouse


def gather(
    graph: AssetGraph, selected: Iterable[int], warehouse: Warehouse, sql: Statements, *,
    database: str, project_folder: Path, evidence: Evidence, force: bool = False, full_refresh: bool = False, verify: bool = False,
    untouched: bool = False, now: datetime, partitions: Sequence[str] = (),
    chosen: Mapping[AssetKey, Sequence[str]] = MappingProxyType({}),
) -> Facts:  # fmt: skip
    """Look at everything the selected assets depend on; reads only, with a statement for each kind of thing.

    `untouched` says that nobody else wrote the database since what it holds was recorded; `partitions` bound what is due of
    assets that have some.
    """
    schemas = {(asset.relation.database or database, asset.relation.schema) for asset in graph.assets if asset.relation is not None}
    catalog = warehouse.catalog(sorted(schemas | {(database, sql.name)}))
    state = StateSnapshot()
    if RelationName(*RelationName("", sql.name, "meta").normalised(database)) in catalog:
        state = read_state(sql, exists=True)
    facts = Facts(
        graph=graph,
        state=state,
        selected=frozenset(selected),
        standing={name: found.type for name, found in catalog.items()},
        columns={name: tuple(column for column, _ in found.columns) for name, found in catalog.items()},
        projections=dict(state.projections),
        specs=specs_of(graph, sql),
        database=database,
        force=force,
        full_refresh=full_refresh,
        now=now,
    )
    observer = Observer(facts, catalog, sql, project_folder, evidence)
    recorded = dict(_recorded(facts, catalog))
    counted = [
        name for name, made in recorded.items()
        if made.relation_type == "table" and not (untouched and name.database == database.lower())
    ]  # fmt: skip
    rows = warehouse.row_counts([name for name in dict.fromkeys([*counted, *observer.sources]) if catalog[name].type == "table"])
    facts = dataclasses.replace(facts, drifted=dict(_drifted(facts, recorded, catalog, rows, warehouse, sql, verify=verify)))
    facts = dataclasses.replace(facts, observed={seen.asset: seen for seen in observer.all(rows)})
    dialect = warehouse.capabilities.dialect
    bounds = keys_of(facts, chosen) if chosen else chosen_of(facts, partitions)
    return with_partitions(facts, sql, project_folder, dialect, content=evidence.files == "content", chosen=bounds)


def _drifted(
    facts: Facts, recorded: Mapping[RelationName, Materialization], catalog: Mapping[RelationName, Standing],
    rows: Mapping[RelationName, int], warehouse: Warehouse, sql: Statements, *, verify: bool,
) -> Iterator[tuple[AssetKey, Drift]]:  # fmt: skip
    """Find relations that were changed by others: number of rows and columns are compared always, all content where asked.

    What looks different is read before it is believed.
    """
    for relation, made in recorded.items():
        columns_differ = schema_of(catalog[relation].columns) != schema_part(made.data_version)
        if made.partition:
            detail = _slices_drifted(facts, made.asset, rows.get(relation), columns_differ=columns_differ)
            if not detail and verify and made.asset in facts.specs:
                records, dialect = facts.state.partitions.get(made.asset, {}), warehouse.capabilities.dialect
                changed = changed_slices(sql, relation, facts.specs[made.asset].from_keys(records)[0], records, dialect)
                detail = f"other rows than were recorded: {few(changed)}" if changed else ""
            if detail:
                yield made.asset, Drift(content_of(sql, relation.sql, columns=catalog[relation].columns).version, detail)
        elif made.relation_type == "view":
            if columns_differ:
                yield made.asset, Drift("", "its columns are not those it was made with")
        elif columns_differ or (relation in rows and rows[relation] != made.rows) or verify:
            content = content_of(sql, relation.sql, columns=catalog[relation].columns)
            if content.version != made.data_version:
                what = f"{content.rows} rows, {made.rows} were recorded" if content.rows != made.rows else "other rows than were recorded"
                yield made.asset, Drift(content.version, "its columns were changed" if columns_differ else f"it holds {what}")


def _slices_drifted(facts: Facts, key: AssetKey, rows: int | None, *, columns_differ: bool) -> str:
    """Say how a table in slices differs from its record; the batch that makes one may leave rows there that are in no slice."""
    held = sum(one.rows for one in facts.state.partitions.get(key, {}).values())
    if columns_differ:
        return "its columns are not those it was made with"
    if rows is None or rows == held or (rows > held and facts.graph[key].microbatch):
        return ""
    return f"it holds {rows} rows, {held} were recorded"


def _recorded(facts: Facts, catalog: Mapping[RelationName, Standing]) -> Iterator[tuple[RelationName, Materialization]]:
    """Yield the relations that stand and should be what is on record: those selected, and those that they read."""
    names = {facts.graph.assets[number].key for number in facts.selected}
    names.update(name for number in facts.selected for name in facts.versions.inputs_of(number))
    for key in sorted(names):
        made, relation = facts.state.materializations.get(key), facts.graph[key].relation if key in facts.graph else None
        if made is None or relation is None or made.relation_type == "function":
            continue
        normalised = RelationName(*relation.normalised(facts.database))
        if normalised in catalog:
            yield normalised, made


def with_code_versions(facts: Facts, queries: CompiledQueries, dialect: str) -> Facts:
    """Compile what has other raw code than its record, to see whether it means something else; what fails to compile does."""
    found: dict[AssetKey, str] = {}
    for number in facts.selected:
        asset, record = facts.graph.assets[number], facts.record(number)
        if record is None or not asset.executable or not asset.config_version or asset.fingerprint in record.fingerprints:
            continue
        with suppress(PenstockError):
            query = read_ingest(asset.ingest, dialect) if asset.ingest is not None else queries.get(asset)[1]
            found[asset.key] = code_version(asset, query.canonical_among(facts.spellings(query.tables)))
    return dataclasses.replace(facts, code_versions=found)


def nothing_yet(
    graph: AssetGraph, selected: Iterable[int], *, database: str, force: bool, full_refresh: bool, now: datetime, partitions: Sequence[str],
    project_folder: Path, evidence: Evidence,
) -> Facts:  # fmt: skip
    """Return the facts about a database that does not exist yet; what files there are is asked of an empty one."""
    warehouse = DuckDBWarehouse.in_memory()
    sql = Statements(warehouse.connect(str(project_folder)), "penstock")
    facts = Facts(
        graph, StateSnapshot(), frozenset(selected), specs=specs_of(graph, None), database=database, force=force, full_refresh=full_refresh,
        now=now,
    )  # fmt: skip
    dialect = warehouse.capabilities.dialect
    bounds = chosen_of(facts, partitions)
    facts = with_partitions(facts, sql, project_folder, dialect, content=evidence.files == "content", chosen=bounds)
    warehouse.close()
    return facts
