"""Rows of the base compared with rows of the head: where both relations stand, by which key, and what differs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from penstock.app.base_project import Base
from penstock.app.masking import masked_names
from penstock.app.settings import Settings
from penstock.assets.asset import Asset, Kind
from penstock.assets.names import AssetKey, RelationName
from penstock.assets.redact import redact
from penstock.compiler import row_diff as queries
from penstock.compiler.content import Columns
from penstock.compiler.row_diff import RowComparison, SharedColumn, shared_columns
from penstock.errors import ConfigError, PenstockError, WarehouseError
from penstock.graph.asset_graph import AssetGraph
from penstock.parser.partitioned import spec_of
from penstock.plan.difference import Difference, RowDiff
from penstock.warehouse.duckdb import open_duckdb
from penstock.warehouse.protocol import Connection, Standing

if TYPE_CHECKING:
    from penstock.app.diff import DiffWish

BASE = "penstock_base"
"""What the base's file is attached as where its own name is that of the head's."""

_VIEWS = "penstock_views"

SAMPLES = 5
"""Rows shown of each kind: added, removed, changed."""

_TIMES = ("DATE", "TIMESTAMP")


_Place = Callable[[Asset], RelationName]


@dataclass(frozen=True)
class _Sides:
    """An open database in which both sides can be read, and the relations that stand there.

    `views` are the base's views of another file, as tables: there their queries would name the wrong database.
    """

    connection: Connection
    base: _Place
    head: _Place
    catalog: Mapping[RelationName, Standing]
    views: Mapping[RelationName, RelationName]

    def columns(self, asset: Asset) -> Columns:
        """Return the columns of an asset's relation in the head, none where it does not stand."""
        found = self.catalog.get(_folded(self.head(asset)))
        return found.columns if found is not None else ()


def row_diffs(
    settings: Settings, graph: AssetGraph, there: Base, found: Difference, wish: DiffWish, chosen: Collection[AssetKey] | None
) -> tuple[RowDiff, ...]:
    """Compare the rows of what is selected, else of all that the changes reach, else of everything; in the graph's order."""
    reached = set(found.impact.assets)
    wanted = set(chosen) if chosen is not None else reached if found.changes else set(graph.ids)
    assets = [asset for asset in graph.assets if asset.key in wanted and _has_rows(asset)]
    with _open(settings, there, wish, assets) as sides:
        columns = {asset.key: [name for name, _ in sides.columns(asset)] for asset in graph.assets if _has_rows(asset)}
        masked = masked_names(settings, graph, [asset.key for asset in assets], columns)
        return tuple(_contained(sides, graph, asset, wish.key, masked[asset.key]) for asset in assets)


def _has_rows(asset: Asset) -> bool:
    return asset.builds_relation and asset.relation is not None and asset.kind is not Kind.FUNCTION


@contextmanager
def _open(settings: Settings, there: Base, wish: DiffWish, assets: Sequence[Asset]) -> Iterator[_Sides]:
    path = Path(wish.base_database).absolute() if wish.base_database else there.settings.database_path
    for one in (path, settings.database_path):
        if not one.is_file():
            raise ConfigError(f"there is no database {one.name} to compare rows with", hint="Build it first.")
    own = settings.profile.database
    apart = path.resolve() != settings.database_path.resolve()
    names = [own, path.stem] if wish.base_database else [there.settings.profile.database]
    alias = BASE if names[0].lower() == own.lower() else names[0]  # views name the file they stand in, which they must find

    def head(asset: Asset) -> RelationName:
        return _in(own, asset.relation)

    def base(asset: Asset) -> RelationName:
        relation = there.graph[asset.key].relation if wish.base_target and asset.key in there.graph else asset.relation
        found = _in(alias if apart else own, relation)
        return dataclasses.replace(found, schema=_schema(found.schema, settings.profile.schema, wish.base_schema))

    with TemporaryDirectory(prefix="penstock-diff-") as folder:
        attach: list[dict[str, object]] = []
        views: dict[RelationName, RelationName] = {}
        if apart:
            attach = [{"alias": alias, "path": str(path), "type": "duckdb", "read_only": True}]
            wanted = [base(asset) for asset in assets] if alias == BASE else []
            views = _views_as_tables(path, names, there.settings, wanted, Path(folder))
            if views:
                attach.append({"alias": _VIEWS, "path": str(Path(folder) / f"{_VIEWS}.duckdb"), "type": "duckdb", "read_only": True})
        with closing(open_duckdb(settings.database_path, _target(settings), read_only=True, attach=attach)) as warehouse:
            schemas = {(name.database, name.schema) for asset in assets for name in (base(asset), head(asset))}
            catalog = warehouse.catalog(sorted({*schemas, (_VIEWS, "main")}))
            yield _Sides(warehouse.connect(str(settings.root)), base, head, catalog, views)


def _in(database: str, relation: RelationName | None) -> RelationName:
    assert relation is not None  # noqa: S101 (only what has one is compared)
    return dataclasses.replace(relation, database=database)


def _schema(schema: str, own: str, wanted: str) -> str:
    """Return the schema of the base: dbt's custom schemas keep what they add to the target's own."""
    if not wanted:
        return schema
    return f"{wanted}{schema.removeprefix(own)}" if schema.startswith(own) else wanted


def _target(settings: Settings) -> dict[str, object]:
    return {**settings.profile.raw, "extensions": [*(settings.profile.raw.get("extensions") or []), *settings.file.extensions]}


def _views_as_tables(
    path: Path, names: Sequence[str], settings: Settings, wanted: Sequence[RelationName], folder: Path
) -> dict[RelationName, RelationName]:
    """Copy what views of another file show, away from the head's file, which has the name that they mean by their own.

    `names` are those that the file may go by in its views, a copy's among them; views that work by none are left out.
    """
    found: dict[RelationName, RelationName] = {}
    for name in names:
        left = [one for one in wanted if _folded(one) not in found]
        found |= _copied(path, name, settings, left, folder / f"{_VIEWS}.duckdb") if left else {}
    return found


def _copied(path: Path, name: str, settings: Settings, wanted: Sequence[RelationName], into: Path) -> dict[RelationName, RelationName]:
    attach = [{"alias": name, "path": str(path), "type": "duckdb", "read_only": True}]
    found: dict[RelationName, RelationName] = {}
    with closing(open_duckdb(into, _target(settings), attach=attach)) as warehouse:
        catalog = warehouse.catalog(sorted({(name, one.schema) for one in wanted}))
        connection = warehouse.connect(str(settings.root))
        for number, one in enumerate(wanted):
            there = _folded(dataclasses.replace(one, database=name))
            if there in catalog and catalog[there].type == "view":
                copy = RelationName(_VIEWS, "main", f"{name}_{number}")
                with suppress(WarehouseError):
                    connection.execute(f"create table {copy.sql} as select * from {dataclasses.replace(one, database=name).sql}")
                    found[_folded(one)] = RelationName(*copy.normalised())
        connection.close()
    return found


def _folded(relation: RelationName) -> RelationName:
    return RelationName(*relation.normalised())


def _contained(sides: _Sides, graph: AssetGraph, asset: Asset, key: Sequence[str], masked: frozenset[str] | None) -> RowDiff:
    """Compare one asset's rows; what is wrong with one does not hide the others."""
    try:
        return _row_diff(sides, graph, asset, key, masked)
    except PenstockError as error:
        reason = error.message.splitlines()[0] if masked == frozenset() else "its rows could not be compared; why may quote masked columns"
        return RowDiff(asset.key, problem=reason)


def _row_diff(sides: _Sides, graph: AssetGraph, asset: Asset, wished: Sequence[str], masked: frozenset[str] | None) -> RowDiff:
    base, head = sides.base(asset), sides.head(asset)
    base = sides.views.get(_folded(base), base)
    for name, side in ((base, "base"), (head, "head")):
        if _folded(name) not in sides.catalog:
            return RowDiff(asset.key, problem=f"{name} does not stand in the {side}")
    if base.database == BASE and sides.catalog[_folded(base)].type == "view":
        return RowDiff(asset.key, problem=f"{base} is a view of another file, which cannot be read on its own")
    columns = shared_columns(sides.catalog[_folded(base)].columns, sides.catalog[_folded(head)].columns)
    key, problem = _key(graph, asset, wished, columns)
    slice_, grain = _slice(asset, columns, sides.catalog[_folded(head)].columns)
    comparison = RowComparison(base.sql, head.sql, columns, key, slice_, grain)
    if key:
        twice = sides.connection.execute(queries.duplicates_query(comparison))[0]
        if any(twice):
            names = ", ".join(columns[place].head for place in key)
            where = " and ".join(f"{count} in the {side}" for side, count in zip(("base", "head"), twice, strict=True) if count)
            problem = f"the key {names} is not unique: {where} stand in several rows; whole rows are compared"
            comparison = dataclasses.replace(comparison, key=())
    hidden = [column.head for column in columns] if masked is None else sorted(masked)
    return dataclasses.replace(_compared(sides.connection, asset, comparison, hidden), problem=problem)


def _compared(connection: Connection, asset: Asset, comparison: RowComparison, masked: Sequence[str]) -> RowDiff:
    """Compare slice by slice: those with equal hashes hold the same rows and are not looked at again."""
    slices = connection.execute(queries.slices_query(comparison))
    differing = [name for name, _, _, same in slices if not same]
    same = sum(int(rows) for _, _, rows, equal in slices if equal)
    only = None if len(differing) == len(slices) else differing
    names = tuple(comparison.columns[place].head for place in comparison.key)
    if not differing:
        return RowDiff(asset.key, names, same=same, slices=len(slices))
    counts = dict.fromkeys((comparison.columns[place].head for place in comparison.values), 0)
    if comparison.key:
        added, removed, changed, kept, *each = connection.execute(queries.keyed_query(comparison, only))[0]
        counts = dict(zip(counts, map(int, each), strict=True))
        rows = connection.execute(queries.keyed_samples(comparison, SAMPLES, masked, only))
        samples = tuple(_keyed_sample(comparison, row) for row in rows)
    else:
        changed = 0
        added, removed, kept = connection.execute(queries.bags_query(comparison, only))[0]
        rows = connection.execute(queries.bag_samples(comparison, SAMPLES, masked, only)) if comparison.columns else []
        samples = tuple(
            {"": row[0], **{one.head: _shown(text) for one, text in zip(comparison.columns, row[1:], strict=True)}} for row in rows
        )
        counts = {}
    return RowDiff(
        asset.key, names, int(added), int(removed), int(changed), int(kept) + same, {one: count for one, count in counts.items() if count},
        samples, len(differing), len(slices),
    )  # fmt: skip


def _keyed_sample(comparison: RowComparison, row: Sequence[object]) -> dict[str, str]:
    """Return a row that differs: the key, and of the others what changed, all where the row is new or gone."""
    found = {"": str(row[0])}
    for place, column in enumerate(comparison.columns):
        before, after = _shown(row[1 + 2 * place]), _shown(row[2 + 2 * place])
        if row[0] != "changed":
            found[column.head] = after if row[0] == "added" else before
        elif place in comparison.key:
            found[column.head] = after
        elif before != after:
            found[column.head] = f"{before} -> {after}"
    return found


def _shown(value: object) -> str:
    return "NULL" if value is None else redact(str(value))


def _key(graph: AssetGraph, asset: Asset, wished: Sequence[str], columns: Sequence[SharedColumn]) -> tuple[tuple[int, ...], str]:
    """Return the places of the key's columns: those asked for, of `unique_key`, or with a test `unique`; none compares whole rows."""
    places = {column.head.lower(): place for place, column in enumerate(columns)}
    for names in filter(None, (tuple(wished), _unique_key(asset), *_tested(graph, asset))):
        found = [places.get(name.strip('"').lower()) for name in names]
        if None not in found:
            return tuple(place for place in found if place is not None), ""
        if names == tuple(wished):
            missing = next(name for name, place in zip(names, found, strict=True) if place is None)
            return (), f"there is no column {missing} in both relations; whole rows are compared"
    return (), ""


def _unique_key(asset: Asset) -> tuple[str, ...]:
    found = asset.ingest.key if asset.ingest is not None else asset.config.get("unique_key") or ()
    return (found,) if isinstance(found, str) else tuple(map(str, found))


def _tested(graph: AssetGraph, asset: Asset) -> Iterator[tuple[str, ...]]:
    for child in graph.children[graph.ids[asset.key]]:
        test = graph.assets[child].test
        if test is not None and test.name == "unique" and test.column and test.attached_node in ("", asset.key):
            yield (test.column,)


def _slice(asset: Asset, columns: Sequence[SharedColumn], types: Columns) -> tuple[int | None, str]:
    """Return the place of the column by which the asset is partitioned, and the periods of its times; None where there is none."""
    with suppress(PenstockError):
        spec = spec_of(asset)
        dimension = (spec.time or spec.dimensions[0]) if spec is not None else None
        if dimension is not None:
            kinds = {name.lower(): kind for name, kind in types}
            name = dimension.column.lower()
            place = next((place for place, column in enumerate(columns) if column.head.lower() == name and not column.cast), None)
            grain = str(getattr(dimension, "grain", "")) if kinds.get(name, "").startswith(_TIMES) else ""
            return place, grain
    return None, ""
