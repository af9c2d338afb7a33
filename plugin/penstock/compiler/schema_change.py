"""What becomes of a table whose new rows have other columns than it; source: dbt's `on_schema_change`, in its own words."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.assets.names import RelationName, quote
from penstock.compiler.content import Columns
from penstock.errors import WarehouseError


@dataclass(frozen=True, slots=True)
class Alignment:
    """The statements that change a table first, and the quoted names of the columns that are inserted."""

    statements: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def listed(self) -> str:
        """The columns as a list in SQL."""
        return ", ".join(self.columns)


def aligned(relation: RelationName, standing: Columns, coming: Columns, mode: str) -> Alignment:
    """Return how rows with the columns `coming` go into a table with the columns `standing`; names are compared without case.

    `fail`: raises WarehouseError where names or types differ. `ignore`: what the table does not have is left out.
    `append_new_columns` adds it. `sync_all_columns` also drops what does not come, and changes types.
    """
    old = {name.lower(): kind for name, kind in standing}
    new = {name.lower(): kind for name, kind in coming}
    added = [(name, kind) for name, kind in coming if name.lower() not in old]
    dropped = [name for name, _ in standing if name.lower() not in new]
    retyped = [(name, kind) for name, kind in coming if old.get(name.lower(), kind) != kind]
    if mode == "fail" and (added or dropped or retyped):
        raise _differs(relation, added, dropped, [(name, old[name.lower()], kind) for name, kind in retyped])
    statements = [f"alter table {relation.sql} add column {quote(name)} {kind}" for name, kind in added]
    if mode == "sync_all_columns":
        statements += [f"alter table {relation.sql} drop column {quote(name)}" for name in dropped]
        statements += [f"alter table {relation.sql} alter column {quote(name)} set data type {kind}" for name, kind in retyped]
    known = [name for name, _ in coming if name.lower() in old]
    if mode in ("fail", "ignore"):
        return Alignment((), tuple(map(quote, known)))
    return Alignment(tuple(statements), tuple(map(quote, [*known, *(name for name, _ in added)])))


def _differs(
    relation: RelationName, added: list[tuple[str, str]], dropped: list[str], retyped: list[tuple[str, str, str]]
) -> WarehouseError:
    found = [f"`{name}` is new" for name, _ in added]
    found += [f"`{name}` is missing" for name in dropped]
    found += [f"`{name}` is {kind}, not {before}" for name, before, kind in retyped]
    return WarehouseError(
        f"the columns of {relation} are not those of the rows that come: {', '.join(found)}",
        hint="Select them as they were, or say what is to happen: schema_change: append_new_columns, sync_all_columns or ignore.",
    )
