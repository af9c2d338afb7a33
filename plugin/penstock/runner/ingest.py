"""How ingestion files without partitions are loaded: what is read before the transaction, and what is written in it.

Rows that are merged, or that move a cursor, are read into a stage first: what is wrong with them is known before anything
is touched, and so is the high-water mark, which is part of the committed record.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from penstock.assets.asset import IngestSpec
from penstock.assets.freshness import parse_duration
from penstock.assets.names import AssetKey, RelationName
from penstock.compiler.content import Columns
from penstock.compiler.cursor import can_look_back, earlier_mark, highest_mark, initial_type, mark_itself, with_typed_cursor
from penstock.compiler.materialize import (
    STAGE,
    Key,
    columns_of,
    create_table,
    delete_matching,
    empty_table,
    insert_rows,
    missing_keys,
    repeated_keys,
    stage_rows,
)  # fmt: skip
from penstock.compiler.placeholders import names_in
from penstock.compiler.schema_change import aligned
from penstock.errors import Location, PenstockError, WarehouseError, raise_all
from penstock.parser.loading import first_word, inserted_columns, inserted_query, loading_tree, read_ingest, written_by
from penstock.parser.query import QueryFacts
from penstock.runner.context import RunContext
from penstock.state.store import Statements
from penstock.warehouse.failpoints import failpoint


class Load(Protocol):
    """Loads one ingestion file."""

    @property
    def facts(self) -> QueryFacts:
        """What the file's statement reads."""

    def read(self) -> str | None:
        """Read what must be known before the transaction, and return the new high-water mark, if there is one."""

    def write(self) -> None:
        """Write the table inside the open transaction."""

    def close(self) -> None:
        """Leave nothing behind."""


def load_of(context: RunContext, sql: Statements, number: int) -> Load:
    """Return what loads an ingestion file. Raises WarehouseError for one without a relation."""
    asset = context.graph.assets[number]
    if asset.ingest is None or asset.relation is None:
        raise WarehouseError(f"{asset.key} has no relation")
    staged = asset.ingest.write == "upsert" or bool(asset.ingest.cursor)
    how = _Staged if staged else {"append": _Appended, "statement": _Statement}.get(asset.ingest.write, _Direct)
    return how(context, sql, asset.key, asset.relation, asset.ingest)


@dataclass
class _Direct:
    """`write: replace`: the query makes the table."""

    context: RunContext
    sql: Statements
    asset: AssetKey
    relation: RelationName
    ingest: IngestSpec

    @cached_property
    def facts(self) -> QueryFacts:
        return read_ingest(self.ingest, self.context.warehouse.capabilities.dialect)

    @property
    def standing(self) -> str | None:
        """What stands where the table goes."""
        return self.context.existing_type(self.relation)

    @property
    def values(self) -> dict[str, Any]:
        """The values of the placeholders that occur: DuckDB refuses one too many."""
        known: dict[str, Any] = {"run_id": self.context.run_id, "run_started_at": self.context.clock()}
        used = names_in(self.ingest.sql)
        return {name: value for name, value in known.items() if name in used}

    def read(self) -> str | None:
        return None

    def write(self) -> None:
        self.make(self.ingest.sql, self.values)

    def close(self) -> None:
        pass

    def make(self, query: str, values: Mapping[str, Any]) -> None:
        """Make the table anew."""
        *before, last = create_table(self.relation, query, self.standing)
        for statement in before:
            self.sql.connection.execute(statement)
        self.sql.connection.execute(last, values)

    def align(self, coming: Columns) -> str:
        """Make the table ready for rows with other columns, as `schema_change` says, and return those that are inserted."""
        alignment = aligned(self.relation, self.held, coming, self.ingest.schema_change)
        if not alignment.columns:
            raise self.wrong(f"none of the columns that come is in {self.relation}", "Check the query, or rename the table.")
        for statement in alignment.statements:
            self.sql.connection.execute(statement)
        return alignment.listed

    @property
    def held(self) -> Columns:
        """The columns of the table that stands."""
        return self.sql.run("describe", relation=self.relation.sql)

    def wrong(self, message: str, hint: str) -> WarehouseError:
        """Return an error of this file."""
        return WarehouseError(message, at=Location(self.ingest.path), hint=hint)


@dataclass
class _Appended(_Direct):
    """`write: append` without a cursor: all rows of the query are added."""

    def write(self) -> None:
        if self.standing != "table":
            super().write()
            return
        columns = self.align(self.sql.connection.execute(columns_of(self.ingest.sql), self.values))
        self.sql.connection.execute(insert_rows(self.relation, columns, f"(\n{self.ingest.sql}\n) as penstock_rows"), self.values)


@dataclass
class _Statement(_Direct):
    """`write: statement`: the file's own INSERT or COPY, into the table of its name and no other."""

    def write(self) -> None:
        tree = loading_tree(self.ingest, self.context.warehouse.capabilities.dialect)
        written = written_by(tree)
        database = self.context.facts.database
        if written is None or written.normalised(database) != self.relation.normalised(database):
            shown = ".".join(part for part in (written.database, str(written)) if part) if written else "nothing"
            raise self.wrong(f"the statement writes {shown}, the file loads {self.relation}", "Name that table.")
        if self.standing != "table":
            query = inserted_query(tree)
            if query is None:
                raise self.wrong(f"{self.relation} does not exist, and COPY makes no table", "Make it first, or write: append.")
            text = query.sql(self.context.warehouse.capabilities.dialect)
            for statement in empty_table(self.relation, text, inserted_columns(tree), self.standing):
                self.sql.connection.execute(statement, {name: value for name, value in self.values.items() if name in names_in(statement)})
        self.sql.connection.execute(self.ingest.sql[first_word(self.ingest.sql) :], self.values)


@dataclass
class _Staged(_Direct):
    """`write: upsert`, and `append` with a cursor: read into the stage, looked at, and then written."""

    coming: Columns = field(default_factory=list)

    @property
    def anew(self) -> bool:
        """Whether the table is made by this load, from the cursor's beginning."""
        return self.standing != "table" or self.context.facts.full_refresh

    def read(self) -> str | None:
        cursor = self.ingest.cursor
        kind = self._cursor_type() if cursor else ""
        mark = self._mark(kind) if cursor else None
        bound = {"cursor": self._since(mark, kind)} if cursor else {}
        self.sql.connection.execute(stage_rows(with_typed_cursor(self.ingest.sql, kind)), {**self.values, **bound})
        self.coming = self.sql.run("describe", relation=STAGE)
        self._require({"cursor": [cursor["column"]] if cursor else [], "key": self.ingest.key})
        self._refuse_broken_keys()
        failpoint("stage.after")
        return self._new_mark(mark) if cursor else None

    def write(self) -> None:
        column = self.ingest.cursor.get("column")
        if column and self._followed != column:
            self.sql.run("record_cursor_column", {"run_id": self.context.run_id, "asset": self.asset, "column": column})
        if self.anew:
            self.make(f"select * from {STAGE}", {})
            return
        keys = self.keys
        columns = self.align(self.coming)
        if keys:
            self.sql.connection.execute(delete_matching(self.relation, keys))
        self.sql.connection.execute(insert_rows(self.relation, columns, STAGE))

    def close(self) -> None:
        with suppress(WarehouseError):
            self.sql.connection.execute(f"drop table if exists {STAGE}")

    @cached_property
    def keys(self) -> list[Key]:
        """The key's columns; where the table keeps another type than comes, values are compared as they will be stored."""
        if self.anew or self.ingest.schema_change == "sync_all_columns":
            return [Key(name) for name in self.ingest.key]
        coming, held = _types(self.coming), _types(self.held)
        if self.ingest.schema_change == "ignore":
            for name in self.ingest.key:
                if name.lower() not in held:
                    raise self.wrong(f"{self.relation} has no column `{name}`, which `key` names", "schema_change: append_new_columns.")
        kinds = {name: held.get(name.lower(), "") for name in self.ingest.key}
        return [Key(name, "" if kind == coming[name.lower()] else kind) for name, kind in kinds.items()]

    def _cursor_type(self) -> str:
        """Return the type of the cursor's column: in the table, else in the rows, else what the first mark looks like."""
        column = str(self.ingest.cursor["column"]).lower()
        kind = None if self.anew else _types(self.held).get(column)
        if kind is None:
            with suppress(WarehouseError):  # what is wrong with the query shows when it is read
                kind = _types(self.sql.connection.execute(columns_of(self.ingest.sql), {**self.values, "cursor": None})).get(column)
        return kind or initial_type(self.ingest.cursor["initial"])

    def _mark(self, kind: str) -> str | None:
        """Return how far earlier loads came; rows that were appended before there was a cursor are not read again."""
        if self.anew or self._begins_again:
            return None
        found = self.sql.run("high_water_of", {"asset": self.asset})
        mark = str(found[0][0]) if found and found[0][0] is not None else None
        column = str(self.ingest.cursor["column"])
        if mark is None and self.ingest.write == "append" and column.lower() in _types(self.held):
            mark = self._asked(highest_mark(self.relation.sql, column, kind), {"mark": None})
        return mark

    @cached_property
    def _followed(self) -> str | None:
        """The column that the recorded marks are of; None where nothing says so."""
        found = self.sql.run("cursor_column_of", {"asset": self.asset})
        return str(found[0][0]) if found else None

    @property
    def _begins_again(self) -> bool:
        """Whether the cursor follows another column than its marks are of. Raises WarehouseError where rows would come twice."""
        column = str(self.ingest.cursor["column"])
        if self._followed is None or self._followed.lower() == column.lower():
            return False
        if self.ingest.write == "append":
            hint = "Load it anew with --full-refresh, or give it a `key` and write: upsert."
            raise self.wrong(f"earlier loads followed `{self._followed}`: how far they came says nothing of `{column}`", hint)
        return True

    def _since(self, mark: str | None, kind: str) -> str | None:
        """Return what `$cursor` is, as text: the first mark, or the last one less `lookback`."""
        cursor = self.ingest.cursor
        lookback = parse_duration(cursor["lookback"], "lookback") if cursor["lookback"] else 0
        if lookback and not can_look_back(kind):
            hint = "Cast it in the query, or leave `lookback` out."
            raise self.wrong(f"`lookback: {cursor['lookback']}` cannot be taken off `{cursor['column']}`, which is a {kind}", hint)
        try:
            if mark is None:
                return self._asked(mark_itself(kind), {"mark": str(cursor["initial"])})
            if lookback:
                return self._asked(earlier_mark(kind), {"mark": mark, "microseconds": round(lookback * 1_000_000)})
            return self._asked(mark_itself(kind), {"mark": mark})
        except WarehouseError as error:
            raise self._no_mark(mark, kind) from error

    def _new_mark(self, mark: str | None) -> str | None:
        column = str(self.ingest.cursor["column"])
        kind = _types(self.coming)[column.lower()]
        try:
            return self._asked(highest_mark(STAGE, column, kind), {"mark": mark})
        except WarehouseError as error:
            raise self._no_mark(mark, kind) from error

    def _no_mark(self, mark: str | None, kind: str) -> WarehouseError:
        column = self.ingest.cursor["column"]
        if mark is None:
            hint = f"Give `initial` a value of that type, or cast `{column}` in the query."
            return self.wrong(f"`initial: {self.ingest.cursor['initial']}` is no {kind}, which `{column}` is", hint)
        hint = "Begin again with --full-refresh, or cast the column to what it was."
        return self.wrong(f"earlier loads came to `{mark}`, which is no {kind}, as `{column}` is now", hint)

    def _asked(self, query: str, values: Mapping[str, Any]) -> str | None:
        found = self.sql.connection.execute(query, values)[0][0]
        return None if found is None else str(found)

    def _require(self, names: Mapping[str, Iterable[str]]) -> None:
        known = [name for name, _ in self.coming]
        missing = [(key, name) for key, wanted in names.items() for name in wanted if name.lower() not in _types(self.coming)]
        raise_all([self._missing(key, name, known) for key, name in missing])

    def _missing(self, key: str, name: str, known: list[str]) -> WarehouseError:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"Did you mean `{near[0]}`?" if near else f"Select it; there are {', '.join(known)}."
        return self.wrong(f"the rows have no column `{name}`, which `{key}` names", hint)

    def _refuse_broken_keys(self) -> None:
        if not self.ingest.key:
            return
        latest = self.ingest.cursor.get("column", "...")
        keep = f"Keep one of each: qualify row_number() over (partition by {', '.join(self.ingest.key)} order by {latest} desc) = 1."
        problems: list[PenstockError] = []
        for query, what, hint in (
            (missing_keys(self.keys), "have no value in their key", "Leave them out, or give them one."),
            (repeated_keys(self.keys), "share their key with another row", keep),
        ):
            groups = self.sql.connection.execute(query)
            if groups:
                problems.append(self.wrong(f"{groups[0][-1]} rows {what}: {self._listed(groups)}", hint))
        raise_all(problems)

    def _listed(self, groups: list[tuple[Any, ...]]) -> str:
        """Return the values of some keys, each with its number of rows."""
        shown = []
        for *values, count, _ in groups:
            key = ", ".join(f"{name} = {_short(value)}" for name, value in zip(self.ingest.key, values, strict=True))
            shown.append(f"{key} ({count} row{'s' if count != 1 else ''})")
        more = groups[0][-1] - sum(group[-2] for group in groups)
        return ", ".join([*shown, *([f"and {more} more"] if more else [])])


def _short(value: Any) -> str:
    text = "NULL" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _types(columns: Columns) -> dict[str, str]:
    return {name.lower(): kind for name, kind in columns}
