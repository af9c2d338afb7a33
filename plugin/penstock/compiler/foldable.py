"""Which queries count rows of one relation in a way that other counts can share.

dbt's generic tests are known by their text (dbt-core's `generic_test_sql`), everything else by its tree, as
`select ... from this where ...`. Whatever is not understood to the last node is not foldable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from penstock.assets.names import quote
from penstock.compiler.spans import on_one_line, replaced, span_of, tokens_of
from penstock.parser.query import parse_one

THIS = quote("this")
"""What the relation is called where counts are put together."""

_OTHER_ROWS = (
    exp.Query, exp.AggFunc, exp.Window, exp.Star, exp.Columns, exp.PositionalColumn, exp.Lambda, exp.Placeholder, exp.Parameter, exp.UDTF,
    exp.Explode, exp.Comprehension,
)  # fmt: skip
"""What makes a condition more than one on the values of one row."""

_CONSTANTS = (exp.Literal, exp.Null, exp.Boolean, exp.Neg, exp.Cast, exp.DataType, exp.DataTypeParam, exp.Paren)


_RESERVED = frozenset(
    (
        "all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create "
        "default deferrable desc describe distinct do else end except false fetch for foreign from group having in "
        "initially intersect into lambda lateral leading limit not null offset on only or order pivot pivot_longer "
        "pivot_wider placing primary qualify references returning select show some summarize symmetric table then to "
        "trailing true union unique unpivot using variadic when where window with"
    ).split()
)
"""DuckDB's own `duckdb_keywords()`: no names without quotes, though sqlglot takes many of them for one."""


@dataclass(frozen=True, slots=True)
class Folded:
    """A count over the rows of one relation, which its text calls `this`.

    It is the number of rows for which all `conditions` hold; with `distinct`, of that column's values among them; with
    `repeated`, of that column's values that occur more than once among them. `column` is the bare name of either.
    """

    conditions: tuple[str, ...] = ()
    distinct: str = ""
    repeated: str = ""
    column: str = ""


def fold(sql: str, relation: str, dialect: str = "duckdb") -> Folded | None:
    """Return the count a query stands for, None where it is not foldable; `relation` is what SQL selects from."""
    try:
        return _Folder(relation, dialect).fold(on_one_line(sql, dialect))
    except (ValueError, _NotFoldable, RecursionError):
        return None


class _NotFoldable(Exception):
    """The query holds something that is not understood."""


def _need(condition: object) -> None:
    if not condition:
        raise _NotFoldable


def _template(text: str, **holes: str) -> re.Pattern[str]:
    """Make a pattern of a text in which words and signs may stand apart or not, and `{name}` is a hole."""
    words = re.findall(r"\{\w+\}|\w+|[^\s\w]", text)
    seen: set[str] = set()
    parts = []
    for word in words:
        name = word.strip("{}")
        parts.append(re.escape(word) if word == name else f"(?P={name})" if name in seen else f"(?P<{name}>{holes[name]})")
        seen |= {name} if word != name else set()
    return re.compile(" ?".join(parts), re.IGNORECASE | re.DOTALL)


_NAME = r'\b[A-Za-z_]\w*|"(?:[^"]|"")+"'
_UNIQUE = _template(
    "select {c} as unique_field, count(*) as n_records from {rows} where {c} is not null group by {c} having count(*) > 1",
    c=_NAME,
    rows=".+?",
)
_ACCEPTED = _template(
    "with all_values as (select {c} as value_field, count(*) as n_records from {rows} group by {c})"
    " select * from all_values where value_field not in ({values})",
    c=_NAME,
    rows=".+?",
    values=".+",
)
_RELATIONSHIPS = _template(
    "with child as (select {c} as from_field from {rows} where {c} is not null), parent as (select {f} as to_field from {to})"
    " select from_field from child left join parent on child.from_field = parent.to_field where parent.to_field is null",
    c=_NAME,
    rows=".+?",
    f=_NAME,
    to=".+?",
)


_FILTER = "select 1 where "
_TABLE_NAME = ("this", "db", "catalog")


@dataclass(frozen=True, slots=True)
class _Rows:
    """What a query selects from: the relation under a name, restricted or not."""

    name: str
    where: tuple[str, ...] = ()


class _Folder:
    """Reads queries as counts over one relation."""

    def __init__(self, relation: str, dialect: str) -> None:
        self.dialect = dialect
        self.relation = self._source(on_one_line(relation, dialect))

    def fold(self, sql: str) -> Folded:
        """Return the count; `sql` stands on one line."""
        for template, read in self._tests().items():
            match = template.fullmatch(sql)
            if match:
                return read(match)
        return self._plain(sql)

    def _tests(self) -> Mapping[re.Pattern[str], Callable[[re.Match[str]], Folded]]:
        return {_UNIQUE: self._unique, _ACCEPTED: self._accepted, _RELATIONSHIPS: self._relationships}

    def _unique(self, match: re.Match[str]) -> Folded:
        column, name = self._column(match["c"])
        return Folded(self._rows(match["rows"]).where, repeated=column, column=name)

    def _accepted(self, match: re.Match[str]) -> Folded:
        column, name = self._column(match["c"])
        values = f"not in ({match['values']})"
        listed = self._filter(f"{column} {values}")
        _need(isinstance(listed, exp.Not) and isinstance(listed.this, exp.In) and _only(listed.this, "this", "expressions"))
        _need(all(isinstance(node, _CONSTANTS) for value in listed.this.expressions for node in value.walk()))
        return Folded((*self._rows(match["rows"]).where, f"{column} {values}"), distinct=column, column=name)

    def _relationships(self, match: re.Match[str]) -> Folded:
        column, name = self._column(match["c"])
        parents = self._source(match["to"])
        _need(isinstance(parents, exp.Table) and isinstance(parents.this, exp.Identifier) and parents.db and _only(parents, *_TABLE_NAME))
        key = self._column(match["f"])[0].replace(THIS, "parent", 1)  # without it, a name that no parent has would be the child's
        missing = f"not exists (select 1 from {match['to']} as parent where {column} = {key})"
        return Folded((*self._rows(match["rows"]).where, f"{column} is not null", missing), column=name)

    def _plain(self, sql: str) -> Folded:
        """`select ... from this where ...`."""
        select = self._parse(sql)
        _need(isinstance(select, exp.Select) and _only(select, "expressions", "from_", "where"))
        source, condition = self._clauses(sql)
        rows = self._rows(source)
        shown = {column.name.lower() for column in select.find_all(exp.Column) if column.find_ancestor(exp.Where)}
        _need(select.expressions and all(_is_shown(projection, shown, rows.name) for projection in select.expressions))
        return Folded((*rows.where, *([self._condition(condition, rows)] if condition else [])))

    def _rows(self, text: str) -> _Rows:
        """Read the relation itself, or dbt's `(select * from this where ...) dbt_subquery`."""
        source = self._source(text)
        if _same_relation(source, self.relation):
            return _Rows(source.alias_or_name.lower())
        _need(isinstance(source, exp.Subquery) and _only(source, "this", "alias") and isinstance(source.this, exp.Select))
        inner = source.this
        _need(_only(inner, "expressions", "from_", "where") and len(inner.expressions) == 1 and _is_star(inner.expressions[0]))
        _need(inner.args.get("from_") and _same_relation(inner.args["from_"].this, self.relation))
        _, condition = self._clauses(text[text.index("(") + 1 : text.rindex(")")])
        return _Rows(source.alias.lower(), (self._condition(condition, _Rows(inner.args["from_"].this.alias_or_name.lower())),))

    def _condition(self, text: str, rows: _Rows) -> str:
        """Return a condition on one row, with columns of the relation's name said to be those of `this`."""
        spans = []
        for node in self._filter(text).walk():
            _need(not isinstance(node, _OTHER_ROWS))
            if isinstance(node, exp.Column):
                spans += _qualifier(node, rows)
        return replaced(_FILTER + text, spans)[len(_FILTER) :]

    def _filter(self, text: str) -> exp.Expr:
        """Parse a condition, which stands after `_FILTER`."""
        select = self._parse(_FILTER + text)
        _need(isinstance(select, exp.Select) and _only(select, "expressions", "where") and select.args.get("where"))
        found: exp.Expr = select.args["where"].this
        return found

    def _column(self, name: str) -> tuple[str, str]:
        """Return a column as one of `this`, and its bare name."""
        columns = self._parse(f"select {name}").expressions
        _need(len(columns) == 1 and isinstance(columns[0], exp.Column) and len(columns[0].parts) == 1)
        return f"{THIS}.{name}", columns[0].name

    def _source(self, text: str) -> exp.Expr:
        start = "select * from "
        select = self._parse(start + text)
        _need(isinstance(select, exp.Select) and _only(select, "expressions", "from_") and select.args.get("from_"))
        source = select.args["from_"].this
        _need(isinstance(source, (exp.Table, exp.Subquery)) and not (source.args.get("alias") and source.args["alias"].columns))
        stars = [token for token in tokens_of(start + text, self.dialect) if token.token_type is TokenType.STAR]
        _need(len(stars) == len(list(select.find_all(exp.Star, exp.Mul))))  # PostgreSQL's `t *` leaves nothing in the tree
        _need(all(name.quoted or name.name.lower() not in _RESERVED for name in select.find_all(exp.Identifier)))
        found: exp.Expr = source
        return found

    def _clauses(self, sql: str) -> tuple[str, str]:
        """Return what follows FROM and what follows WHERE, where these are the last clauses of a SELECT."""
        places: dict[TokenType, tuple[int, int]] = {}
        depth = 0
        for token in tokens_of(sql, self.dialect):
            depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
            if depth == 0 and token.token_type in (TokenType.FROM, TokenType.WHERE):
                places.setdefault(token.token_type, (token.start, token.end + 1))
        _need(TokenType.FROM in places)
        begin, end = places.get(TokenType.WHERE, (len(sql), len(sql)))
        return sql[places[TokenType.FROM][1] : begin].strip(), sql[end:].strip()

    def _parse(self, sql: str) -> exp.Expr:
        return parse_one(sql, self.dialect)


def _only(node: exp.Expr, *keys: str) -> bool:
    """Whether nothing but these parts of a node is there."""
    return all(key in keys or not value for key, value in node.args.items())


def _is_star(node: exp.Expr) -> bool:
    return isinstance(node, exp.Star) and _only(node)


def _same_relation(source: exp.Expr, relation: exp.Expr) -> bool:
    """Whether both are one table, whatever the case of its name, or the same subquery; aliases aside."""
    if type(source) is not type(relation) or not _only(source, *_TABLE_NAME, "alias"):
        return False
    if isinstance(source, exp.Table) and isinstance(relation, exp.Table) and isinstance(source.this, exp.Identifier):
        return [part.name.lower() for part in source.parts] == [part.name.lower() for part in relation.parts]
    bare, other = source.copy(), relation.copy()
    bare.set("alias", None)
    other.set("alias", None)
    return bare.sql("duckdb", comments=False) == other.sql("duckdb", comments=False)


def _qualifier(column: exp.Column, rows: _Rows) -> list[tuple[int, int, str]]:
    """Return the change that makes a column one of `this`. A name that could mean the whole row is not understood."""
    first = column.parts[0]
    name = first.name.lower()
    if len(column.parts) == 1:
        _need(name not in {rows.name, "this"} and not (rows.where and name == "rowid"))
        return []
    if name == rows.name:
        return [(*span_of(first), THIS)]
    _need(name != "this" and len(column.parts) == 2)
    return []


def _is_shown(projection: exp.Expr, names: set[str], source: str) -> bool:
    """Whether a projection changes neither how many rows there are, nor whether the query is valid, nor what its WHERE means."""
    if isinstance(projection, exp.Literal) or _is_star(projection):
        return True
    if not isinstance(projection, exp.Column) or isinstance(projection.this, exp.Star):
        return False
    parts = [part.name.lower() for part in projection.parts]
    return parts[-1] in names and not any(part in _RESERVED for part in parts) and (len(parts) == 1 or parts[:-1] == [source])
