"""The patterns of files that a query reads, as expressions that can be asked for each partition."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlglot import exp

from penstock.parser.query import FILE_FUNCTIONS, function_name, parse_one, pattern_of, patterns_in


@dataclass(frozen=True, slots=True)
class FilePattern:
    """One pattern: its text with `*` for what is known at run time only, and an expression over columns named as the placeholders."""

    text: str
    expression: str
    placeholders: frozenset[str]


def file_patterns(sql: str, dialect: str, dimensions: Collection[str]) -> list[FilePattern]:
    """Return the patterns of a query's file functions. Raises ValueError for a text that is no query."""
    names = {name.lower(): name for name in dimensions}
    return [_pattern(part, dialect, names) for part in _parts(parse_one(sql, dialect))]


def _parts(tree: exp.Expr) -> Iterator[exp.Expr]:
    for table in tree.find_all(exp.Table):
        if isinstance(table.this, exp.Func) and function_name(table.this) in FILE_FUNCTIONS:
            yield from patterns_in(table.this)


def _pattern(part: exp.Expr, dialect: str, names: dict[str, str]) -> FilePattern:
    used = frozenset(node.name.lower() for node in part.find_all(exp.Parameter, exp.Placeholder)) & names.keys()

    def column(node: exp.Expr) -> exp.Expr:
        known = isinstance(node, (exp.Parameter, exp.Placeholder)) and node.name.lower() in names
        return exp.column(exp.to_identifier(names[node.name.lower()], quoted=True)) if known else node

    return FilePattern(pattern_of(part), part.copy().transform(column).sql(dialect), used)
