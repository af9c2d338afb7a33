"""The data version of a relation: a hash of its content that does not depend on the order of its rows.

`rows:<count>:<sum of the rows' hashes>:<md5 of the columns' names and types>`. DuckDB's `hash` takes some values for
equal that a query can tell apart (0.0 and -0.0, one month and 30 days, and both within lists and structs), so columns
of such types take part a second time in a form that shows the difference. `record_table` in the state's queries makes the
same for a relation whose columns are not known beforehand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

from penstock.assets.names import quote

Columns = Sequence[tuple[str, str]]
"""Names and types, in order, as DuckDB's `describe` has them."""

_FLOATS = ("DOUBLE", "FLOAT")
_AS_TEXT = ("INTERVAL", "VARIANT")


def content_query(relation: str, columns: Columns, projections: Sequence[Collection[str]] = ()) -> str:
    """Return the statement for one row: the number of rows, the version, and the version of each projection.

    `relation` is a quoted name or a subquery. A projection is a set of lower-case column names; those that are not there
    are left out of it, and their order in the relation does not count. Values of a row are hashed together, so values that
    change partners are noticed.
    """
    by_name = sorted(columns, key=lambda column: column[0].lower())
    sets = [columns, *([column for column in by_name if column[0].lower() in names] for names in projections)]
    versions = ", ".join(version_of(chosen) for chosen in sets)
    return f'select count(*) as "rows", {versions} from {relation}'


def schema_of(columns: Columns) -> str:
    """Return the part of a version that stands for columns and types alone."""
    return hashlib.md5("\n".join(f"{name} {kind}" for name, kind in columns).encode(), usedforsecurity=False).hexdigest()


def version_of(columns: Columns) -> str:
    """Return the expression for the version of what some columns hold, over all rows of a query or group."""
    schema = schema_of(columns)
    total = f"coalesce(sum(hash({', '.join([*(quote(name) for name, _ in columns), *map(_shown, columns)])})), 0)" if columns else "0"
    return f"'rows:' || count(*) || ':' || {total} || ':{schema}'"


def _shown(column: tuple[str, str]) -> str:
    """Return what tells equal values apart, NULL where there are none such."""
    name, kind = column
    if kind in _FLOATS:
        return f"cast(signbit(try_cast({quote(name)} as double)) as ubigint)"
    if kind in _AS_TEXT or "[" in kind or ("(" in kind and not kind.startswith("DECIMAL")):
        return f"hash(cast({quote(name)} as varchar))"
    return "null"
