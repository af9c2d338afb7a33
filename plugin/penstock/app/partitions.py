"""Gathering what is known of single partitions: their definitions, the files of each, the slices of what they read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from penstock.app.partition_files import listings
from penstock.assets.dimensions import QueryDimension
from penstock.assets.names import AssetKey
from penstock.assets.partitions import PartitionSet, PartitionSpec
from penstock.errors import PenstockError, SelectionError, WarehouseError, raise_all
from penstock.graph.asset_graph import AssetGraph
from penstock.parser.partitioned import spec_of
from penstock.plan.facts import Facts, Looked
from penstock.plan.partitioning import Partitioning, touched
from penstock.state.slices import slices_of
from penstock.state.store import Statements


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
                found[asset.key] = _with_values(asset.key, spec, sql)
        except PenstockError as error:
            problems.append(error)
    raise_all(problems)
    return found


def _with_values(key: AssetKey, spec: PartitionSpec, sql: Statements | None) -> PartitionSpec:
    values = {}
    for one in spec.dimensions:
        if isinstance(one, QueryDimension):
            try:
                rows = sql.connection.execute(one.query) if sql is not None else []
            except WarehouseError as error:
                raise WarehouseError(f"{key}: the values of `{one.name}` cannot be listed: {error}") from error
            values[one.name] = [str(row[0]) for row in rows if row[0] is not None]
    return spec.with_values(values) if values else spec


def with_partitions(facts: Facts, sql: Statements, project_folder: Path, dialect: str, *, content: bool, texts: Sequence[str]) -> Facts:
    """Add what the user chose of the partitions, and what a look at files and slices finds of those selected."""
    facts = replace(facts, chosen=chosen_of(facts, texts))
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


def _slices(facts: Facts, one: Partitioning, sql: Statements, dialect: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield what each input that batches read by its event time holds for what is held; one that does not stand yet is left out."""
    for reading in one.to_slice():
        source = facts.graph.ids[reading.name]
        if facts.standing_type(source) is not None:
            relation, column = facts.graph.assets[source].relation, reading.event_time.strip('"')
            yield reading.name, slices_of(sql, relation, column, one.existing, dialect, one.columns_of(reading.name))


def chosen_of(facts: Facts, texts: Sequence[str]) -> dict[AssetKey, PartitionSet]:
    """Return the partitions that `--partition` means of each selected asset; those downstream follow what they read.

    Raises SelectionError for a text that means nothing of any selected asset.
    """
    if not texts:
        return {}
    found: dict[AssetKey, PartitionSet] = {}
    problems: list[SelectionError] = []
    for number in sorted(facts.selected):
        key = facts.graph.assets[number].key
        if key not in facts.specs:
            continue
        spec = facts.specs[key]
        try:
            mine = spec.none()
            for text in texts:
                mine = mine.union(spec.parse(text, facts.now))
            found[key] = mine
        except SelectionError as error:
            problems.append(error)
            followed = touched(facts, found, number)
            if followed is not None:
                found[key] = followed
    if not found:
        nothing = SelectionError("nothing that is selected has partitions", hint="Leave --partition out, or select an asset that has some.")
        raise problems[0] if problems else nothing
    return found
