"""Gathering what is known of single partitions: their definitions, the files of each, the slices of what they read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from penstock.app.partition_files import listings
from penstock.assets.dimensions import QueryDimension
from penstock.assets.names import AssetKey, RelationName
from penstock.assets.partitions import PartitionSet, PartitionSpec
from penstock.assets.records import Drift
from penstock.compiler.slices import outside_query
from penstock.errors import PenstockError, Problems, SelectionError, WarehouseError, raise_all
from penstock.graph.asset_graph import AssetGraph
from penstock.parser.partitioned import spec_of
from penstock.plan.facts import Facts, Looked
from penstock.plan.partitioning import Partitioning, SliceDrift, touched
from penstock.runner.context import RunContext
from penstock.state.slices import changed_slices, slices_of, with_listed_values
from penstock.state.store import Statements
from penstock.state.writer import Gap, StateWriter


def specs_of(graph: AssetGraph, sql: Statements | None) -> dict[AssetKey, PartitionSpec]:
    """Return the partitions of every asset that has some; values that a query lists are asked for.

    Raises what reading a definition raises, all problems together; without a database there are no values to list.
    """
    found: dict[AssetKey, PartitionSpec] = {}
    problems: list[PenstockError] = []
    for asset in graph.assets:
        if asset.ingest is not None and asset.ingest.error:
            continue
        try:
            spec = spec_of(asset)
            if spec is not None:
                found[asset.key] = spec.without_values() if sql is None else _with_values(graph, asset.key, spec, sql)
        except PenstockError as error:
            problems.append(error)
    raise_all(problems)
    return found


def _with_values(graph: AssetGraph, key: AssetKey, spec: PartitionSpec, sql: Statements) -> PartitionSpec:
    try:
        return with_listed_values(sql, key, spec)
    except WarehouseError:
        queries = [one.query for one in spec.dimensions if isinstance(one, QueryDimension)]
        if not any(_is_to_come(graph, query, sql) for query in queries):
            raise
        return spec.without_values()  # they are listed once what lists them is built


def _is_to_come(graph: AssetGraph, query: str, sql: Statements) -> bool:
    """Whether a query reads a table that the project makes and that does not stand yet."""
    from penstock.parser.query import read_query

    made = {asset.relation.identifier.lower() for asset in graph.assets if asset.builds_relation and asset.relation is not None}
    return any(table.identifier.lower() in made and not _stands(sql, table) for table in read_query(query, "duckdb").tables)


def _stands(sql: Statements, table: RelationName) -> bool:
    try:
        sql.run("describe", relation=table.sql)
    except WarehouseError:
        return False
    return True


def with_partitions(
    facts: Facts, sql: Statements, project_folder: Path, dialect: str, *, content: bool, chosen: Mapping[AssetKey, PartitionSet]
) -> Facts:
    """Add what the user chose of the partitions, and what a look at files and slices finds of those selected."""
    facts = replace(facts, chosen=chosen, drifted={key: _narrowed(facts, key, sql, dialect) for key in facts.drifted})
    looked: dict[AssetKey, Looked] = {}
    for number in sorted(facts.selected):
        asset = facts.graph.assets[number]
        if asset.key not in facts.specs:
            continue
        files: Mapping[str, Mapping[str, str]] = {}
        if asset.ingest is not None:
            existing = facts.specs[asset.key].all(facts.now)
            files = listings(asset.ingest, existing, sql, project_folder, dialect, content=content)
        one = Partitioning(facts, facts.versions, number, Looked(files))
        looked[asset.key] = Looked(files, dict(_slices(facts, one, sql, dialect)))
    return replace(facts, looked=looked)


def _narrowed(facts: Facts, key: AssetKey, sql: Statements, dialect: str) -> Drift:
    """Return which partitions of a changed table differ; the drift as it is where that cannot be told, as with other columns."""
    drift, relation, records = facts.drifted[key], facts.graph[key].relation, facts.state.partitions.get(key, {})
    if key not in facts.specs or relation is None or not records:
        return drift
    held, outlived = facts.specs[key].from_keys(records)
    if outlived:
        return drift
    try:
        changed = changed_slices(sql, relation, held, records, dialect)
        columns = sql.run("describe", relation=relation.sql)
        outside = sql.connection.execute(outside_query(relation.sql, columns, held.ranges(), dialect))[0][0]
    except WarehouseError:
        return drift
    return SliceDrift(drift.version, drift.detail, frozenset(changed), 0 if facts.graph[key].microbatch else outside)


def _slices(facts: Facts, one: Partitioning, sql: Statements, dialect: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield what each input that batches read by its event time holds for what is held; one that does not stand yet is left out."""
    for reading in one.to_slice():
        source = facts.graph.ids[reading.name]
        if facts.standing_type(source) is not None:
            relation, column = facts.graph.assets[source].relation, reading.event_time.strip('"')
            yield reading.name, slices_of(sql, relation, column, one.existing, dialect, one.columns_of(reading.name))


def keys_of(facts: Facts, chosen: Mapping[AssetKey, Sequence[str]]) -> dict[AssetKey, PartitionSet]:
    """Return the partitions with these keys, as far as there still are such; of assets that are not named, none."""
    selected = (facts.graph.assets[number].key for number in facts.selected)
    return {key: facts.specs[key].from_keys(chosen.get(key, ()))[0] for key in selected if key in facts.specs}


def chosen_of(facts: Facts, texts: Sequence[str]) -> dict[AssetKey, PartitionSet]:
    """Return the partitions that `--partition` means of each selected asset; those downstream follow what they read.

    Raises SelectionError for a text that means nothing of any selected asset.
    """
    if not texts or not facts.selected:
        return {}
    found: dict[AssetKey, PartitionSet] = {}
    problems: list[PenstockError] = []
    for number in sorted(facts.selected | _tested(facts)):
        key = facts.graph.assets[number].key
        if key not in facts.specs:
            continue
        spec = facts.specs[key]
        try:
            mine = spec.none()
            for text in texts:
                mine = mine.union(spec.parse(text, facts.now))
            found[key] = mine
        except (SelectionError, Problems) as error:
            problems.append(error)
            followed = touched(facts, found, number)
            if followed is not None:
                found[key] = followed
    if not found:
        nothing = SelectionError("nothing that is selected has partitions", hint="Leave --partition out, or select an asset that has some.")
        raise problems[0] if problems else nothing
    return found


def _tested(facts: Facts) -> set[int]:
    """Return what the selected tests look at: `check --partition` names partitions of assets that it does not build."""
    tests = (facts.graph.assets[number].test for number in facts.selected)
    return {facts.graph.ids[test.attached_node] for test in tests if test is not None and test.attached_node in facts.graph}


MOST_GAPS = 10_000
"""So many missing partitions of an asset are recorded one by one; the others follow once these are held."""


def record_gaps(writer: StateWriter, context: RunContext) -> None:
    """Record which partitions are missing, or wait for their files, of each asset that was looked at, where that has changed."""
    before = writer.recorded_gaps() if context.facts.looked else {}
    for key, looked in context.facts.looked.items():
        one = Partitioning(context.facts, context.versions, context.graph.ids[key], looked)
        waiting = one.waiting.minus(one.held)
        gaps = [
            Gap(partition.key, partition.start, partition.end, status)
            for status, partitions in (("missing", one.missing), ("waiting", waiting))
            for partition in islice(partitions, MOST_GAPS)
        ]
        if {gap.partition: gap.status for gap in gaps} != before.get(key, {}):
            writer.gaps(context.run_id, key, gaps)
