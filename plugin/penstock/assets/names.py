"""Names of things in a warehouse, and the one way to quote them."""

from __future__ import annotations

from dataclasses import dataclass

AssetKey = str
"""dbt's unique_id, `ingest.<schema>.<table>` or `check.<name>`."""


def quote(identifier: str) -> str:
    """Quote one identifier for DuckDB or Postgres; every name is hostile until it went through here."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Quote one string literal for DuckDB or Postgres (standard_conforming_strings), where no parameter can be bound."""
    return "'" + value.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True, order=True)
class RelationName:
    """A table or view: database may be empty (the connection's own)."""

    database: str
    schema: str
    identifier: str

    def __str__(self) -> str:
        return ".".join(part for part in (self.schema, self.identifier) if part)

    @property
    def sql(self) -> str:
        """The quoted, fully qualified name."""
        return ".".join(quote(part) for part in (self.database, self.schema, self.identifier) if part)

    @property
    def schema_sql(self) -> str:
        """The quoted name of the schema it lives in."""
        return ".".join(quote(part) for part in (self.database, self.schema) if part)

    def normalised(self, database: str = "") -> tuple[str, str, str]:
        """Fold case as DuckDB does when it looks a name up; `database` stands in for an empty one."""
        return ((self.database or database).lower(), self.schema.lower(), self.identifier.lower())
