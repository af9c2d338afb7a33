"""Looking at inputs that nothing here builds: sources, files, tables that nobody declared.

Evidence of a source, the strongest first: all its rows; where they are too many, what dlt's load table says of it; the
declared `loaded_at` with the number of rows. `meta.penstock.evidence` of a source chooses another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from penstock.assets.asset import Asset
from penstock.assets.names import RelationName, quote
from penstock.assets.records import Observation, Strength
from penstock.compiler.content import schema_of
from penstock.errors import WarehouseError
from penstock.parser.project_file import Evidence
from penstock.plan.facts import Facts
from penstock.plan.versions import ColumnSet, column_sets
from penstock.state.content import Content, content_of, contents_of
from penstock.state.store import Statements
from penstock.warehouse.files import observe_files
from penstock.warehouse.protocol import Standing

_DLT_LOADS = "_dlt_loads"
_DLT_LOAD_ID = "_dlt_load_id"


@dataclass
class Observer:
    """One look around; `projections` of the facts grow by what was read on the way."""

    facts: Facts
    catalog: Mapping[RelationName, Standing]
    sql: Statements
    project_folder: Path
    evidence: Evidence
    _rows: Mapping[RelationName, int] = field(default_factory=dict)
    _contents: dict[RelationName, Content] = field(default_factory=dict)

    @cached_property
    def sources(self) -> list[RelationName]:
        """The relations of the sources that the selected assets read, as far as they exist."""
        relations = (self._relation(self.facts.graph.ids[name]) for name in self._names if self._is_plain_source(name))
        return [relation for relation in dict.fromkeys(relations) if relation in self.catalog]

    def all(self, rows: Mapping[RelationName, int]) -> Iterator[Observation]:
        """Look at everything that the selected assets read and nothing builds; `rows` are the numbers of rows of sources."""
        self._rows = rows
        small = [relation for relation in self.sources if rows.get(relation, self.evidence.content_rows + 1) <= self.evidence.content_rows]
        with suppress(WarehouseError):  # what cannot be read is read alone, and named
            found = contents_of(self.sql, [(relation.sql, self.catalog[relation].columns) for relation in small])
            self._contents = dict(zip(small, found, strict=True))
        sets = column_sets(self.facts.state.inputs.values())
        for name in self._names:
            kind, _, place = name.partition(":")
            if kind in ("file", "cwd"):
                base = self.project_folder if kind == "file" else Path.cwd()
                yield observe_files(name, place, base, content=self.evidence.files == "content")
            elif kind == "table":
                yield self._content(name, place, ())
            elif self._is_plain_source(name):
                yield self._source(self.facts.graph.ids[name], sorted(sets.get(name, ())))

    @cached_property
    def _names(self) -> list[str]:
        facts, names = self.facts, set()
        for number in facts.selected:
            asset = facts.graph.assets[number]
            if not asset.executable:
                continue
            names.update(facts.versions.inputs_of(number))
            names.update(facts.graph.assets[parent].key for parent in facts.inputs[number])
            if asset.ingest is not None:
                names.update(f"file:{pattern}" for pattern in asset.ingest.watch)
        return sorted(names)

    def _is_plain_source(self, name: str) -> bool:
        return name in self.facts.graph and self.facts.graph[name].is_plain_source

    def _relation(self, number: int) -> RelationName:
        relation = self.facts.graph.assets[number].relation
        return RelationName(*relation.normalised(self.facts.database)) if relation is not None else RelationName("", "", "")

    def _source(self, number: int, columns: Sequence[ColumnSet]) -> Observation:
        asset = self.facts.graph.assets[number]
        if asset.source is not None and asset.source.external_location:
            return Observation(asset.key, "external", Strength.LISTING, "read through: its files are inputs of each reader")
        if asset.relation is None or self.facts.standing_type(number) is None:
            return Observation(asset.key, "", Strength.UNKNOWN, "the table does not exist")
        rows, wish = self._rows.get(self._relation(number), 0), _wish(asset)
        if wish == "content" or (not wish and rows <= self.evidence.content_rows):
            return self._content(asset.key, asset.relation.sql, columns, self._contents.get(self._relation(number)))
        for name in [wish] if wish else ("dlt", "loaded_at"):
            if name in _WEAKER and (found := _WEAKER[name](self, asset, asset.relation)) is not None:
                return found
        detail = f"`evidence: {wish}` gives nothing" if wish else "it has too many rows to be read, and no load times"
        return Observation(asset.key, "", Strength.UNKNOWN, detail)

    def _content(self, name: str, relation: str, columns: Sequence[ColumnSet], content: Content | None = None) -> Observation:
        """Hash a relation, and the columns that somebody reads of it where its content is new."""
        known = self.facts.projections
        try:
            content = content or content_of(self.sql, relation)
            missing = [chosen for chosen in columns if (name, content.version, chosen) not in known]
            if missing:
                content = content_of(self.sql, relation, missing)
                known.update({(name, content.version, key): one for key, one in zip(missing, content.projected, strict=True)})
            return Observation(name, content.version, Strength.CONTENT)
        except WarehouseError as error:
            return _broken(name, error)

    def by_loads(self, asset: Asset, relation: RelationName) -> Observation | None:
        """Tell a table that dlt loads by its loads: which of them its rows come from, and how many rows there are."""
        loads = RelationName(relation.database, relation.schema, _DLT_LOADS)
        if RelationName(*loads.normalised(self.facts.database)) not in self.facts.standing:
            return None
        query = f"select count(*), count(distinct {quote(_DLT_LOAD_ID)}), max({quote(_DLT_LOAD_ID)}) from {relation.sql}"
        try:
            rows, count, latest = self.sql.connection.execute(query)[0]
            ended = f"select count(*) from {loads.sql} where load_id = $latest and status = 0"
            finished = self.sql.connection.execute(ended, {"latest": latest})
        except WarehouseError:
            return None  # a table that dlt does not load, in a schema where it loads others
        if not finished[0][0]:
            return Observation(asset.key, "", Strength.UNKNOWN, "dlt has not finished a load of it")
        return Observation(asset.key, self._versioned(relation, f"dlt:{rows}:{count}:{latest}"), Strength.LOADS)

    def by_loaded_at(self, asset: Asset, relation: RelationName) -> Observation | None:
        """Tell a table by when it says it was loaded, and how many rows there are."""
        source = asset.source
        if source is None or not (source.loaded_at_query or source.loaded_at_field):
            return None
        query = source.loaded_at_query or f"select max({source.loaded_at_field}) from {relation.sql}"
        try:
            loaded = self.sql.connection.execute(query)[0][0]
            rows = self.sql.connection.execute(f"select count(*) from {relation.sql}")[0][0]
        except WarehouseError as error:
            return _broken(asset.key, error)
        return Observation(asset.key, self._versioned(relation, f"loaded:{rows}:{loaded}"), Strength.LOADED_AT)

    def _versioned(self, relation: RelationName, text: str) -> str:
        """Add what every version ends with: the hash of the columns."""
        return f"{text}:{schema_of(self.catalog[RelationName(*relation.normalised(self.facts.database))].columns)}"


_WEAKER: Mapping[str, Callable[[Observer, Asset, RelationName], Observation | None]] = {
    "dlt": Observer.by_loads,
    "loaded_at": Observer.by_loaded_at,
}


def _wish(asset: Asset) -> str:
    own = (asset.config.get("meta") or {}).get("penstock")
    return str(own.get("evidence") or "") if isinstance(own, dict) else ""


def _broken(name: str, error: WarehouseError) -> Observation:
    return Observation(name, "", Strength.UNKNOWN, error.message.splitlines()[0])
