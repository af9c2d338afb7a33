"""Which columns of each table a query reads: all that can influence its rows, never fewer.

A column counts wherever it stands: projection, filter, join, group, order, window. `*` passes on what the query around
it wants, so `with source as (select * from t) select a from source` reads only `a`. A name without a qualifier counts
for every table in sight, and what is not understood reads everything.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from sqlglot import exp

from penstock.assets.names import RelationName

Reads = dict[RelationName, frozenset[str] | None]
"""Lower-case column names by table; None means every column."""


class _Wanted:
    """The columns that are read of one source; `names` is None once it is all of them."""

    def __init__(self) -> None:
        self.names: set[str] | None = set()

    def add(self, names: set[str] | None) -> None:
        if names is None:
            self.names = None
        elif self.names is not None:
            self.names |= names

    @property
    def read(self) -> frozenset[str] | None:
        """What is read in the end; a row's number is no column, but says where it stands among all others."""
        return None if self.names is None or "rowid" in self.names else frozenset(self.names)


_Sources = Mapping[str, _Wanted]


class _Opaque(Exception):
    """The query holds something whose columns cannot be followed."""


def columns_read(tree: exp.Expr, wanted: Collection[str] | None = None) -> Reads:
    """Return what a query reads of each table it names, for the sake of some of its columns (None: of all).

    Tables that are missing from the result are read in full.
    """
    reader = _Reader()
    try:
        reader.query(tree, None if wanted is None else set(wanted), {}, ())
        loose = set(_loose_names(tree))
        for seen in reader.tables.values():
            seen.add(loose)
    except (_Opaque, RecursionError):
        return {}
    return {table: seen.read for table, seen in reader.tables.items()}


class _Reader:
    """One pass from the outermost query inwards: what a query wants is known before its sources are looked at."""

    def __init__(self) -> None:
        self.tables: dict[RelationName, _Wanted] = {}

    def query(self, node: exp.Expr, wanted: set[str] | None, ctes: Mapping[str, _Wanted], outer: Sequence[_Sources]) -> None:
        """Read a query of whose columns `wanted` are asked for."""
        with_ = node.args.get("with_")
        own: list[tuple[exp.CTE, _Wanted]] = []
        if with_ is not None:
            own = [(cte, _Wanted()) for cte in with_.expressions]
            ctes = {**ctes, **{cte.alias.lower(): seen for cte, seen in own}}
        if isinstance(node, exp.Select):
            self._select(node, wanted, ctes, outer)
        elif isinstance(node, exp.SetOperation):
            self.query(node.this, None, ctes, outer)
            self.query(node.expression, None, ctes, outer)
        elif isinstance(node, exp.Subquery) and not node.args.get("pivots"):
            self.query(node.this, _with_modifiers(node, wanted), ctes, outer)
        else:
            raise _Opaque
        for number in reversed(range(len(own))):
            cte, seen = own[number]
            recursive = bool(with_ and with_.recursive)
            visible = ctes if recursive else {**ctes, **_hidden(own[number:]), **dict(_named(own[:number]))}
            everything = recursive or cte.args["alias"].columns or not isinstance(cte.this, exp.Query)
            self.query(cte.this, None if everything else seen.names, visible, outer)

    def _select(self, select: exp.Select, wanted: set[str] | None, ctes: Mapping[str, _Wanted], outer: Sequence[_Sources]) -> None:
        sources: dict[str, _Wanted] = {}
        inner: list[tuple[exp.Expr, _Wanted]] = []
        for number, source in enumerate(_sources_of(select)):
            name = source.alias_or_name.lower() or f"\0{number}"
            sources[name] = self._source(source, ctes, inner)
        visible = (*outer, sources)
        if _needs_all(select):
            wanted = None
        for node in _own_nodes(select, _unwanted(select, wanted)):
            if isinstance(node, exp.Column):
                self._column(node, wanted, visible)
            elif isinstance(node, exp.Star) and not isinstance(node.parent, exp.Column):
                _star(node, select, wanted, sources)
            elif isinstance(node, (exp.Columns, exp.PositionalColumn)):
                _all(sources)
            elif isinstance(node, exp.Query):
                self.query(node, None, ctes, visible)
            elif isinstance(node, exp.Join):
                _join(node, sources)
        for query, seen in reversed(inner):  # one may name those to its left
            self.query(query, seen.names, ctes, visible)

    def _source(self, source: exp.Expr, ctes: Mapping[str, _Wanted], inner: list[tuple[exp.Expr, _Wanted]]) -> _Wanted:
        alias = source.args.get("alias")
        whole = bool(source.args.get("pivots") or (isinstance(alias, exp.TableAlias) and alias.columns))
        if isinstance(source, exp.Subquery):
            seen = _Wanted()
            inner.append((source, seen))
        elif isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier):
            cte = ctes.get(source.name.lower()) if not source.db else None
            seen = cte or self.tables.setdefault(RelationName(source.catalog, source.db, source.name), _Wanted())
        elif isinstance(source, (exp.Table, exp.Unnest, exp.Lateral, exp.Values)):
            return _Wanted()  # a function, whose own arguments are looked at with everything else
        else:
            raise _Opaque
        if whole:
            seen.add(None)
        return seen

    def _column(self, column: exp.Column, wanted: set[str] | None, visible: Sequence[_Sources]) -> None:
        qualifier = column.table.lower()
        known = next((sources[qualifier] for sources in reversed(visible) if qualifier in sources), None)
        if isinstance(column.this, exp.Star):
            if known is None:
                raise _Opaque
            inside = column.find_ancestor(exp.Func, exp.Select)
            known.add(_passed(wanted) if isinstance(inside, exp.Select) and not _renames(column.this) else None)
            return
        parts = [part.name.lower() for part in column.parts]
        loose = parts[:-1] if len(parts) == 2 and known is not None else parts  # what stands first may be a column with fields
        if known is not None:
            known.add({parts[-1]})
        for sources in visible:
            for name, seen in sources.items():
                seen.add(None if len(parts) == 1 and name == parts[0] else set(loose))  # a table's name alone is a whole row


_NAMED = (exp.Column, exp.Table, exp.TableAlias, exp.Alias, exp.Star, exp.PropertyEQ, exp.Dot, exp.Join, exp.DataType, exp.ColumnDef)


def _loose_names(tree: exp.Expr) -> Iterator[str]:
    """Yield the names that stand where no column was expected: they count for every table."""
    for node in tree.find_all(exp.Identifier, exp.Var):
        if not isinstance(node.parent, _NAMED):
            yield node.name.lower()


_SECOND = re.compile(r"(?:_\d+)+$")


def _named(ctes: Sequence[tuple[exp.CTE, _Wanted]]) -> Iterator[tuple[str, _Wanted]]:
    return ((cte.alias.lower(), seen) for cte, seen in ctes)


def _hidden(ctes: Sequence[tuple[exp.CTE, _Wanted]]) -> dict[str, _Wanted]:
    """Stand in for CTEs that are not in sight yet: a table of such a name would be another one, which is not followed."""
    return {cte.alias.lower(): _Unseen() for cte, _ in ctes}


class _Unseen(_Wanted):
    def add(self, names: set[str] | None) -> None:  # noqa: ARG002 (whatever it is)
        raise _Opaque


def _sources_of(select: exp.Select) -> Iterator[exp.Expr]:
    from_ = select.args.get("from_")
    if from_ is not None:
        yield from_.this
    for join in select.args.get("joins") or ():
        yield join.this
    yield from select.args.get("laterals") or ()
    for source in [from_.this] if from_ is not None else []:
        for join in source.args.get("joins") or ():
            yield join.this


def _unwanted(select: exp.Select, wanted: set[str] | None) -> set[int]:
    """Return the projections, by `id`, that nobody asks for and that cannot change how many rows there are."""
    if wanted is None:
        return set()
    wanted = _passed(wanted) or wanted
    named = Counter(column.name.lower() for node in _own_nodes(select, set()) for column in node.find_all(exp.Column) if not column.table)
    found = set()
    for projection in select.expressions:
        name = projection.alias_or_name.lower() if isinstance(projection, (exp.Alias, exp.Column)) else ""
        if not name or name in wanted or projection.find(exp.Query, exp.UDTF, exp.Explode, exp.Anonymous, exp.Star, exp.Columns):
            continue
        inside = sum(1 for column in projection.find_all(exp.Column) if not column.table and column.name.lower() == name)
        if named[name] == inside:  # a later expression may use the alias
            found.add(id(projection))
    return found


def _own_nodes(select: exp.Select, skipped: Collection[int]) -> Iterator[exp.Expr]:
    """Yield every node of a SELECT that is its own: CTEs and the queries of its FROM are left to their own pass."""
    stack: list[exp.Expr] = [child for key, value in select.args.items() if key != "with_" for child in _expressions(value)]
    while stack:
        node = stack.pop()
        if id(node) in skipped or (isinstance(node, exp.Subquery) and isinstance(node.parent, (exp.From, exp.Join))):
            continue
        yield node
        plain = isinstance(node, exp.Column) and not isinstance(node.this, exp.Star)
        if plain or (isinstance(node, exp.Query) and not isinstance(node, exp.Table)):
            continue
        stack.extend(child for value in node.args.values() for child in _expressions(value))


def _expressions(value: object) -> Iterator[exp.Expr]:
    if isinstance(value, exp.Expr):
        yield value
    elif isinstance(value, list):
        yield from (item for item in value if isinstance(item, exp.Expr))


def _with_modifiers(query: exp.Subquery, wanted: set[str] | None) -> set[str] | None:
    """Return what is wanted of a query in parentheses: what its own ORDER BY and LIMIT name, too."""
    modifiers = [value for key, value in query.args.items() if key not in ("this", "alias", "with_") and isinstance(value, exp.Expr)]
    if wanted is None or any(modifier.find(exp.Literal) for modifier in modifiers if not isinstance(modifier, (exp.Limit, exp.Offset))):
        return None
    return wanted.union(*({part.name.lower() for column in one.find_all(exp.Column) for part in column.parts} for one in modifiers))


def _needs_all(select: exp.Select) -> bool:
    """Whether a `*` counts as a whole: DISTINCT compares it, GROUP BY ALL groups by it, a number may point into it."""
    group, order = select.args.get("group"), select.args.get("order")
    if select.args.get("distinct") is not None or select.args.get("sample") is not None or (group is not None and group.args.get("all")):
        return True
    keys = [*(group.expressions if group is not None else ()), *(key.this for key in (order.expressions if order is not None else ()))]
    return any(isinstance(key, exp.Literal) or key.name.upper() == "ALL" for key in keys)


def _star(star: exp.Star, select: exp.Select, wanted: set[str] | None, sources: _Sources) -> None:
    if isinstance(star.parent, exp.Count):
        return
    passed = _passed(wanted) if star.parent is select and not _renames(star) else None
    for seen in sources.values():
        seen.add(passed)


def _passed(wanted: set[str] | None) -> set[str] | None:
    """Return what `*` asks its sources for: of two columns `a`, DuckDB calls the second one `a_1`."""
    return None if wanted is None else wanted | {_SECOND.sub("", name) for name in wanted}


def _all(sources: _Sources) -> None:
    for seen in sources.values():
        seen.add(None)


def _renames(star: exp.Expr) -> bool:
    return bool(star.args.get("rename"))


def _join(join: exp.Join, sources: _Sources) -> None:
    if join.args.get("method") in ("NATURAL", "POSITIONAL") or join.kind == "POSITIONAL":
        _all(sources)
    names = {name.name.lower() for name in join.args.get("using") or ()}
    for seen in sources.values():
        seen.add(names)
